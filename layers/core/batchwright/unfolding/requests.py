"""The whole body of a Message Batch, ``{"requests": […]}``, as one line a request
(platform.claude.com/docs/en/api/messages/batches/create).

A request's end is found by its brackets alone, and its text goes on as it stands, without the layout. A parser that
makes values on the way changes what it cannot hold: ijson's C backend, for one, writes ``?`` for half a surrogate
pair, stops at integers of 64 bits, and dies of a hundred kilobytes of nested brackets, at the same speed.
"""

import re
from collections.abc import Iterable, Iterator

import msgspec

from batchwright.errors import Refused
from batchwright.lines import LONGEST_LINE

BLANKS = b" \t\r\n"
HEAD = re.compile(rb'(?:\xef\xbb\xbf)?[ \t\r\n]*\{[ \t\r\n]*"requests"[ \t\r\n]*:[ \t\r\n]*\[')
LONGEST_HEAD = 65_536
# Up to the next byte that counts: a bracket inside of a request, a comma, too, between two. Strings are passed over
# whole, and possessively: one without an end is met once, and not tried at every length.
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
INSIDE = re.compile(rb'(?:[^"\[\]{}]++|' + _STRING + rb")*+[\[\]{}]", re.DOTALL)
BETWEEN = re.compile(rb'(?:[^"\[\]{},]++|' + _STRING + rb")*+[\[\]{},]", re.DOTALL)
COMMA, LIST_ENDS = ord(","), ord("]")
STEPS = {COMMA: 0, LIST_ENDS: -1, ord("}"): -1, ord("["): 1, ord("{"): 1}


def is_requests_body(head: bytes) -> bool:
    """Whether a file that begins so is the whole body of a Message Batch.

    >>> is_requests_body(b' {"requests" : [ {'), is_requests_body(b'{"custom_id": "a", "params": {}}')
    (True, False)
    """
    return HEAD.match(head) is not None


def requests(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield each request as one line of JSON without layout; raises :class:`Refused` where the body is none.

    What is no request is the dialect's affair, which tells it by its number.
    """
    body = _Body(blocks)
    body.open()
    number, ended = 1, False
    while not ended:
        text, ended = body.next(number)
        if not (ended and number == 1 and not text.strip(BLANKS)):
            yield _line(text, number)
        number += 1
    body.close()


class _Body:
    """As much of the body as has been fetched and is not read yet: one request and a block at most, or twice that."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._held = b""
        self._place = 0

    def open(self) -> None:
        """Read up to the first request."""
        while (found := HEAD.match(self._held)) is None:
            if len(self._held) > LONGEST_HEAD or not self._fetch():
                raise Refused("unknown_dialect", 'the file is not of the form {"requests": […]}')
        self._place = found.end()

    def next(self, number: int) -> tuple[bytes, bool]:
        """Return what stands before the next comma between requests or before the list's end, and whether that came."""
        depth, seen = 0, self._place
        mark = None
        while depth > 0 or mark != COMMA:
            found = (INSIDE if depth else BETWEEN).match(self._held, seen)
            if found is None:
                seen -= self._place
                self._fetch_more_of(number)
                continue
            seen = found.end()
            mark = self._held[seen - 1]
            depth += STEPS[mark]
            if depth < 0:
                break
        text = self._held[self._place : seen - 1]
        self._place = seen
        if len(text) > LONGEST_LINE:
            raise _too_long(number)
        if depth < 0 and mark != LIST_ENDS:
            raise _broken(number)
        return text, depth < 0

    def close(self) -> None:
        """Read the rest: the end of the document, and nothing else."""
        rest = self._held[self._place :].strip(BLANKS)
        for block in self._blocks:
            rest += block.strip(BLANKS)
            if len(rest) > 1:
                break
        if rest != b"}":
            raise Refused(
                "invalid_json_line", "the document does not end where the list of requests does"
            )

    def _fetch_more_of(self, number: int) -> None:
        if len(self._held) - self._place > LONGEST_LINE:
            raise _too_long(number)
        if not self._fetch():
            raise Refused("invalid_json_line", f"the document ends within request {number}")

    def _fetch(self) -> bool:
        """Fetch as much again as is held, so that a long request is not looked at once a block; say if any came."""
        pieces = [self._held[self._place :]]
        held = size = len(pieces[0])
        for block in self._blocks:
            pieces.append(block)
            size += len(block)
            if size > 2 * held:
                break
        self._held, self._place = b"".join(pieces), 0
        return size > held


def _line(text: bytes, number: int) -> bytes:
    try:
        return msgspec.json.format(text, indent=-1) + b"\n"
    except (msgspec.DecodeError, RecursionError):
        raise _broken(number) from None


def _broken(number: int) -> Refused:
    return Refused(
        "invalid_json_line", f"request {number} of the list is not JSON, or is nested too deep"
    )


def _too_long(number: int) -> Refused:
    return Refused(
        "invalid_json_line", f"request {number} of the list is longer than {LONGEST_LINE:,} bytes"
    )
