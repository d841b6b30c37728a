"""The scripted faults of endpoints: which one, if any, hits a call or its end."""

from collections.abc import Sequence

from tests.emulator.host.endpoints.behaviour import (
    OF_CALLS,
    OF_ENDS,
    EndpointDoing,
    EndpointFault,
)
from tests.emulator.host.scripted import Script


class EndpointFaults(Script[EndpointFault]):
    """The script, with what is left of it."""

    def __init__(self, faults: Sequence[EndpointFault], *, seed: int) -> None:
        super().__init__(faults, seed=f"{seed}/endpoints")

    def of_call(self, text: str) -> EndpointFault | None:
        """Return the fault that hits a call while it waits or is worked on."""
        return self.draw(OF_CALLS, text)

    def of_end(self, text: str) -> EndpointDoing | None:
        """Return what goes wrong where a call ends."""
        fault = self.draw(OF_ENDS, text)
        return None if fault is None else fault.do
