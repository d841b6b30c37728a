"""How much room in the model's quota one record's answer is given."""

from dataclasses import dataclass

from batchwright.completion import CUT, Completion
from batchwright.lengths import Lengths
from batchwright.request import Request


class CutShort(Exception):
    """An answer was cut at a limit that the request did not set: it is asked for again with its own."""


@dataclass(slots=True)
class Room:
    """The room for one record: little more than answers need, until one was cut for that."""

    lengths: Lengths | None
    """``None`` where requests go as they are."""
    least: int
    whole: bool = False
    """Whether the request's own limit is sent."""

    def fitted(self, request: Request) -> Request:
        """Return the request with the limit that is sent."""
        if self.lengths is None or self.whole:
            return request
        most = request.max_tokens or 0
        limit = self.lengths.limit(most, self.least)
        return request.with_max_tokens(limit) if limit < most else request

    def learn(self, completion: Completion, request: Request, sent: Request) -> None:
        """Note how long an answer was; raises :class:`CutShort`.

        An answer as long as its limit was cut, whatever reason it gives: within a call of a tool that is an odd one.
        """
        if self.lengths is None:
            return
        written, limit = completion.usage.output_tokens, sent.max_tokens or 0
        cut = written >= limit or completion.stop_reason == CUT
        if cut and sent is not request:
            self.lengths.cut(limit)
            self.whole = True
            raise CutShort
        self.lengths.add(written)
