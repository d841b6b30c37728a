"""What holds for every test."""

from hypothesis import settings

# A machine that does other things beside is no reason to fail.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
