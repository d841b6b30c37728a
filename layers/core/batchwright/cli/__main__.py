"""``python -m batchwright.cli`` is the command, too."""

import sys

from batchwright.cli import main

if __name__ == "__main__":
    sys.exit(main())
