"""The scripted faults of calls: which one, if any, hits a call."""

from collections.abc import Sequence

from tests.emulator.host.behaviour import Doing, Fault
from tests.emulator.host.scripted import Script


class Faults(Script[Fault]):
    """The script, with what is left of it."""

    def __init__(self, faults: Sequence[Fault], *, seed: int) -> None:
        super().__init__(faults, seed=f"{seed}")

    def of_call(
        self, user_text: str, *, api: str | None = None, model: str | None = None
    ) -> Doing | None:
        """Return what the first fault that hits this call does, or None; models are asked by no ``api``."""
        for each in self.armed:
            meant = each.fault.api == api and each.fault.model in {None, model}
            if meant and each.hits(user_text):
                return each.fault.do
        return None
