"""What a kill, a lost reply, a late worker or a second one may not break: the laws, under every fault at once."""

import os

# `make soak` searches for hours what the suite searches for seconds.
SOAK = os.environ.get("SOAK") == "1"
