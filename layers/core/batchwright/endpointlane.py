"""The lane of SageMaker's asynchronous endpoints: a chunk's requests wait in the endpoint's queue, a call each.

What SageMaker has taken is noted a few calls at a time: who dies while handing over repeats those few, since a repeated
call is worked on again. Where an answer will lie, only the reply to its call tells.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec
import orjson

from batchwright.asynclane import Look, Read
from batchwright.bodies import Body, body_of, completion_of, said_of
from batchwright.collected import Answer, Shelf
from batchwright.endpointcall import (
    LONGEST_TIMEOUT,
    LONGEST_TTL,
    MOST_INLINE_BYTES,
    SHORTEST_TTL,
    EndpointCall,
)
from batchwright.endpointfailure import failure_of
from batchwright.endpointnotice import inference_id
from batchwright.endpointtaken import Call, Line, Note, Payload, Taken, groups_of
from batchwright.errors import (
    AlreadyExists,
    BatchwrightError,
    MalformedCompletion,
    Missing,
    RecordEnds,
    RecordInvalid,
    TimedOut,
    Unavailable,
)
from batchwright.lanes import ENDPOINT_RECORDS
from batchwright.lines import lines
from batchwright.places import batch_prefix, endpoint_input_key
from batchwright.ports import Endpoints, Objects, Submissions
from batchwright.request import Request
from batchwright.route import Route
from batchwright.staging import Staged
from batchwright.submission import Submission, resource_of
from batchwright.usage import Usage

INPUT, PLACED, STOPPED = "input.jsonl", "placed/", "stopped"
# Records that wait at an endpoint at once where the contract does not say.
IN_FLIGHT = 200
# What a submission brings to the queue at most; a JSONL payload is one object.
MOST_BYTES = 200_000_000
# A call that is over is told, and its answer written, a little after its time.
GRACE = timedelta(minutes=2)
# When a job stops, its calls have so long to be answered, or as long as one may take, where that is less; SageMaker
# takes none back. The container may be at work on them, and is paid for it.
LONGEST_GOODBYE = timedelta(minutes=5)
LOOKED_AT_EVERY = 30
JSONL = "application/jsonlines"
ANSWERED, FAILED = b"+", b"-"


class EndpointLane:
    """One submission of this lane."""

    fewest, largest = 1, MOST_BYTES
    factor: float | None = 1.0  # an endpoint costs the same, however it is asked

    def __init__(
        self,
        submission: Submission,
        route: Route,
        endpoints: Endpoints,
        objects: Objects,
        submissions: Submissions,
        *,
        now: Callable[[], datetime],
    ) -> None:
        """``route`` is the one to the submission's model; nothing is called yet."""
        assert route.endpoint is not None, "the contract sees to it"  # noqa: S101
        in_flight = route.in_flight or IN_FLIGHT
        self.most = min(in_flight, ENDPOINT_RECORDS)
        self.price = route.price
        self.resource = resource_of(submission.lane, route.endpoint)
        self.places = max(1, in_flight // ENDPOINT_RECORDS)
        self._submission = submission
        self._route = route
        self._endpoint = route.endpoint
        self._endpoints = endpoints
        self._objects = objects
        self._submissions = submissions
        self._now = now
        each = submission
        self._prefix = batch_prefix(each.job_id, each.submission, each.redrives)

    @property
    def input_key(self) -> str:
        """Where the bodies lie until they are sent."""
        return f"{self._prefix}{INPUT}"

    def line(self, index: int, request: Request) -> bytes | None:
        """Return a request's body behind its index; what the container cannot honour is told on demand."""
        if request.family is not None:
            return None
        try:
            body = self._body.written(request, self._route.told_model)
        except RecordInvalid:
            return None
        return orjson.dumps({"index": index, "body": body}, option=orjson.OPT_APPEND_NEWLINE)

    def find(self) -> str | None:
        """Return where it is noted what was taken, once that is everything."""
        return self._placed if self._taken().whole else None

    def begun(self) -> str | None:
        """Return where it is noted what was taken, if anything was."""
        return self._placed if self._taken().until is not None else None

    def start(self, staged: Staged, *, now: datetime, ends_at: datetime) -> str:  # noqa: ARG002 - what lies there tells
        """Make the calls that were not noted yet."""
        taken = self._taken()
        ttl = _within(int((ends_at - now).total_seconds()), SHORTEST_TTL, LONGEST_TTL)
        timeout = min(self._route.timeout, LONGEST_TIMEOUT)
        until = now + timedelta(seconds=ttl + timeout) + GRACE
        calls: list[Call] = []
        for group in groups_of(self._payloads(taken.done)):
            left = [index for indexes, _ in group for index in indexes]
            taken.add(Note(until=until, calls=calls, begun=left))
            calls = []
            try:
                for indexes, payload in group:
                    calls.append(self._sent(indexes, payload, ttl, timeout))
                    left = left[len(indexes) :]
            except BatchwrightError as fault:
                lost = len(indexes) if isinstance(fault, Unavailable) else 0
                taken.add(Note(until=until, calls=calls, unmade=left[lost:]))
                raise
        taken.add(Note(until=until, calls=calls, whole=True))
        return self._placed

    def look(self, place: str) -> Look:
        """Return how it stands: ended, when every call has left something or was told of, or the time is over."""
        taken = self._taken()
        if taken.until is None:
            return Look(place=place, status="forgotten", ended=True)
        stopped_at = self._stopped_at()
        if stopped_at is not None and self._now() >= stopped_at + self._goodbye:
            return Look(place=place, status="stopped", ended=True)
        if self._now() >= taken.until:
            return Look(place=place, status="expired", ended=True, expired=True)
        row = self._submissions.get(self._submission.name)
        if row is not None and row.ended:
            return Look(place=place, status="all told", ended=True)
        told = row.arrived if row is not None else frozenset()
        there = self._there(taken)
        waiting = sum(
            not (told.issuperset(call.indexes) or {call.output_key, call.failure_key} & there)
            for call in taken.calls
        )
        return Look(
            place=place,
            status=f"{waiting} wait",
            ended=not waiting,
            stopping=stopped_at is not None,
            again_after=None if stopped_at is None else LOOKED_AT_EVERY,
        )

    def stop(self, place: str) -> None:  # noqa: ARG002 - it lies beside what was staged
        """Wait for some minutes and no longer. SageMaker takes no call back: what waits then, nobody looks at."""
        with suppress(AlreadyExists):
            self._objects.create(f"{self._prefix}{STOPPED}", self._now().isoformat().encode())

    def read(
        self,
        look: Look,  # noqa: ARG002 - it is noted what was taken
        handed: frozenset[int],
        late: Callable[[], bool],
    ) -> tuple[Shelf, Read] | None:
        """Put answers and failures on a shelf; what left neither is missing."""
        shelf, read = Shelf(), Read()
        taken = self._taken()
        for index in handed & taken.lost.keys():
            shelf.call(index, taken.lost[index])
        for call in taken.calls:
            if late():
                shelf.close()
                return None
            for index in handed.intersection(call.indexes):
                shelf.call(index)
            for index, content in self._left_by(call):
                if index not in handed:
                    read.foreign += 1
                    continue
                read.lines += 1
                shelf.put(index, content)
        return shelf, read

    def answer(
        self,
        content: bytes,
        request: Request,
        model: str,  # noqa: ARG002 - an endpoint has one
        input_tokens: int,  # noqa: ARG002 - as every estimate of tokens: of the request itself
    ) -> Answer | None:
        """Read what was put on the shelf."""
        sign, told = content[:1], content[1:]
        if sign == FAILED:
            fault = failure_of(told, self._endpoint)
            return fault if isinstance(fault, RecordEnds) else None
        try:
            return completion_of(self._body, told, request, latency_ms=0)
        except MalformedCompletion as fault:
            return fault

    def usage(self, content: bytes, kind: str) -> Usage | None:  # noqa: ARG002 - there is one kind
        """Return the tokens that the container counted."""
        if content[:1] == FAILED:
            return Usage()
        try:
            return said_of(self._body, content[1:]).usage(None, None)
        except MalformedCompletion:
            return None

    @property
    def _body(self) -> Body:
        return body_of(self._route.container)

    @property
    def _placed(self) -> str:
        return f"{self._prefix}{PLACED}"

    def _taken(self) -> Taken:
        return Taken(self._objects, self._placed)

    def _payloads(self, done: frozenset[int]) -> Iterator[Payload]:
        """Yield what is to be sent, and for which records: one each, or all together where the container takes that."""
        staged = (
            msgspec.json.decode(line.content or b"", type=Line)
            for line in lines(self._objects.blocks(self._objects.pin(self.input_key)))
        )
        left = (each for each in staged if each.index not in done)
        if self._route.payload != "jsonl":
            yield from (([each.index], bytes(each.body)) for each in left)
        elif together := [*left]:
            bodies = b"\n".join(bytes(each.body) for each in together)
            yield [each.index for each in together], bodies + b"\n"

    def _sent(self, indexes: list[int], payload: bytes, ttl: int, timeout: int) -> Call:
        try:
            placed = self._endpoints.send(self._call(indexes, payload, ttl, timeout))
        except TimedOut as fault:  # it may wait there now; that it is made again is the lesser evil
            raise Unavailable(str(fault)) from None
        return Call(indexes=indexes, output_key=placed.output_key, failure_key=placed.failure_key)

    def _call(self, indexes: list[int], payload: bytes, ttl: int, timeout: int) -> EndpointCall:
        submission, whole = self._submission, self._route.payload == "jsonl"
        name = "all" if whole else f"{indexes[0]:011d}"
        folder = f"{submission.job_id}/{submission.redrives:02d}/{submission.submission:06d}"
        input_key = None
        if len(payload) > MOST_INLINE_BYTES:
            input_key = endpoint_input_key(folder, name)
            self._objects.write(input_key, payload)
        return EndpointCall(
            endpoint=self._endpoint,
            inference_id=inference_id(submission.name, None if whole else indexes[0]),
            body=payload if input_key is None else None,
            input_key=input_key,
            content_type=JSONL if whole else "application/json",
            ttl=ttl,
            timeout=timeout,
            folder=folder,
            filename=f"{name}.out",
        )

    def _there(self, taken: Taken) -> set[str]:
        """Return the answers and failures that lie there: by two listings, however many they are."""
        keys = [key for call in taken.calls for key in (call.output_key, call.failure_key)]
        folders = {key.rpartition("/")[0] + "/" for key in keys}
        return {key for folder in folders for key in self._objects.keys(folder)}.intersection(keys)

    def _stopped_at(self) -> datetime | None:
        written = self._found(f"{self._prefix}{STOPPED}")
        return None if written is None else datetime.fromisoformat(written.decode())

    @property
    def _goodbye(self) -> timedelta:
        return min(timedelta(seconds=self._route.timeout), LONGEST_GOODBYE)

    def _left_by(self, call: Call) -> Iterator[tuple[int, bytes]]:
        output = self._found(call.output_key)
        if output is None:
            failure = self._found(call.failure_key)
            if failure is not None:
                yield from ((index, FAILED + failure) for index in call.indexes)
            return
        answers = [output]
        if self._route.payload == "jsonl":
            answers = [line for line in output.split(b"\n") if line.strip()]
        if len(answers) != len(call.indexes):
            answers = [b""] * len(call.indexes)  # nobody knows whose they are
        for index, content in zip(call.indexes, answers, strict=True):
            yield index, ANSWERED + content

    def _found(self, key: str) -> bytes | None:
        try:
            return self._objects.read(key)
        except Missing:
            return None


def _within(number: int, least: int, most: int) -> int:
    return min(max(number, least), most)
