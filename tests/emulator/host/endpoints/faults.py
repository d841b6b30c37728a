"""The scripted faults of endpoints: which one, if any, hits a call or its end."""

from collections.abc import Sequence

from tests.emulator.host.endpoints.behaviour import (
    OF_CALLS,
    OF_ENDS,
    EndpointDoing,
    EndpointFault,
)
from tests.emulator.host.faults import armed


class EndpointFaults:
    """The script, with what is left of it."""

    def __init__(self, script: Sequence[EndpointFault], *, seed: int) -> None:
        self._armed = armed(script, seed=f"{seed}/endpoints")

    def of_call(self, text: str) -> EndpointFault | None:
        """Return the fault that hits a call while it waits or is worked on."""
        return self._draw(OF_CALLS, text)

    def of_end(self, text: str) -> EndpointDoing | None:
        """Return what goes wrong where a call ends."""
        fault = self._draw(OF_ENDS, text)
        return None if fault is None else fault.do

    def _draw(self, doings: Sequence[str], text: str) -> EndpointFault | None:
        for each in self._armed:
            if each.fault.do in doings and each.hits(text):
                return each.fault
        return None
