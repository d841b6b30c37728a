"""A model of S3 in which every effect is a turn, and all orders of turns can be tried.

A writer of the chunk log knows of the world only what S3 answered it. So it is played from its beginning with the
answers it had so far, up to its next effect: no threads, and a world is no more than the objects and these answers. The
worlds that are reached twice are searched once, and the schedules through them are counted all the same.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import NamedTuple, cast

from batchwright.chunklog import ChunkLog
from batchwright.errors import AlreadyExists, Missing
from batchwright.ports import Objects
from batchwright.segment import Settled
from tests.fakes import settled

JOB = "j"
type Answer = type[Missing | AlreadyExists] | bytes | None
"""What S3 says to one effect; ``None`` says that an object was created."""


class Effect(NamedTuple):
    """A read, or the creation of an object where there is ``content``."""

    key: str
    content: bytes | None


class Waits(BaseException):
    """The writer has come to an effect that S3 has not answered yet."""

    def __init__(self, effect: Effect) -> None:
        super().__init__()
        self.effect = effect


class Stranger(bytes):
    """Bytes that are never equal to one's own: with them, nobody knows the own segment again."""

    __slots__ = ()
    __hash__ = bytes.__hash__

    def __eq__(self, other: object) -> bool:
        return False


class Answered:
    """The bucket as one writer saw it, then as it stands in ``objects``."""

    def __init__(
        self, answers: tuple[Answer, ...], objects: Mapping[str, bytes] | None = None
    ) -> None:
        self._answers = iter(answers)
        self._objects = objects
        self.seen: dict[str, bytes] = {}
        """What the writer read, or was told that it had created."""

    def read(self, key: str) -> bytes:
        answer = self._answer(Effect(key, None))
        assert answer is not None
        self.seen[key] = answer
        return answer

    def create(self, key: str, content: bytes) -> None:
        self._answer(Effect(key, content))
        self.seen[key] = content

    def _answer(self, effect: Effect) -> bytes | None:
        try:
            answer = next(self._answers)
        except StopIteration:
            answer = self._standing(effect)
        if isinstance(answer, type):
            raise answer(effect.key)
        return answer

    def _standing(self, effect: Effect) -> Answer:
        if self._objects is None or effect.content is not None:
            raise Waits(effect)
        return self._objects.get(effect.key, Missing)


@dataclass(frozen=True)
class Writer:
    """One worker: settles ``records`` under its name, ``flush`` of them in a segment; or closing, all at once."""

    name: str
    records: tuple[int, ...]
    flush: int

    def work(self, log: ChunkLog, said: "Said") -> None:
        """Settle what is open when its turn comes, one call each, as a worker does."""
        log.catch_up()
        taken: list[Settled] = []
        for index in self.records:
            if index not in log.settled:
                taken.append(settled(index, self.name))
            if len(taken) == self.flush or (taken and index == self.records[-1]):
                said.begins(taken)
                said.ends(log.append(taken, calls=len(taken)))
                taken = []


class Said:
    """What a writer says that it did."""

    def __init__(self) -> None:
        self.appended: list[int] = []
        """The records that `append` said to have settled."""
        self.calls = 0
        """The calls that it was told of, and returned."""
        self.unsure: list[int] = []
        """What it is just appending, one call each."""

    def begins(self, taken: list[Settled]) -> None:
        self.unsure = [outcome.index for outcome, _ in taken]

    def ends(self, written: list[Settled]) -> None:
        self.appended += [outcome.index for outcome, _ in written]
        self.calls += len(self.unsure)
        self.unsure = []


@dataclass(frozen=True)
class World:
    """What stands in the bucket, what every writer was answered (``dead`` where it was killed), and the faults left."""

    objects: tuple[tuple[str, bytes], ...]
    answers: tuple[tuple[Answer, ...], ...]
    dead: frozenset[int]
    faults: int

    def created(self, effect: Effect, *, overwrite: bool) -> "World | None":
        """Return the world with the object; ``None`` where there is one already."""
        assert effect.content is not None
        objects = dict(self.objects)
        if effect.key in objects and not overwrite:
            return None
        objects[effect.key] = effect.content
        return replace(self, objects=tuple(sorted(objects.items())))

    def answered(self, who: int, answer: Answer) -> "World":
        answers = (*self.answers[:who], (*self.answers[who], answer), *self.answers[who + 1 :])
        return replace(self, answers=answers)

    def faulty(self) -> "World":
        return replace(self, faults=self.faults - 1)

    def killed(self, who: int) -> "World":
        return replace(self, dead=self.dead | {who})


@dataclass(frozen=True)
class Model:
    """Some writers on one chunk, and what S3 and chance may do to them.

    ``overwrites`` and ``forgetful`` take away what the log rests on: ``If-None-Match``, and that a writer knows its own
    segment again.
    """

    writers: tuple[Writer, ...]
    faults: int
    """How many 409s, lost writes, lost replies and kills one schedule may hold."""
    overwrites: bool = False
    forgetful: bool = False

    def first(self) -> World:
        return World((), ((),) * len(self.writers), frozenset(), self.faults)

    def waiting(self, world: World) -> Iterator[tuple[int, Effect]]:
        """Yield who is alive and has not ended, with what it wants next."""
        for who, writer in enumerate(self.writers):
            if who not in world.dead and (effect := next_effect(writer, world.answers[who])):
                yield who, effect

    def turns(self, world: World) -> list[World]:
        """Return all the worlds that may come next; none where everybody has ended."""
        return [
            after
            for who, effect in self.waiting(world)
            for after in self._turns_of(world, who, effect)
        ]

    def _turns_of(self, world: World, who: int, effect: Effect) -> Iterator[World]:
        if effect.content is None:
            yield world.answered(who, self._read(world, effect.key))
        else:
            created = world.created(effect, overwrite=self.overwrites)
            yield created.answered(who, None) if created else world.answered(who, AlreadyExists)
            if world.faults:
                # 409, or the write is lost before S3 has it: the client tries again, and others may come first.
                yield world.faulty()
                if created:  # the reply is lost: the client tries again, or the writer is killed
                    yield created.faulty()
                    yield created.faulty().killed(who)
        if world.faults:
            yield world.faulty().killed(who)

    def _read(self, world: World, key: str) -> Answer:
        content = dict(world.objects).get(key)
        if content is None:
            return Missing
        return Stranger(content) if self.forgetful else content


@cache
def next_effect(writer: Writer, answers: tuple[Answer, ...]) -> Effect | None:
    """Return what a writer wants of S3 after these answers, ``None`` where it has ended."""
    try:
        played(writer, Answered(answers))
    except Waits as waits:
        return waits.effect
    return None


def played(writer: Writer, objects: Answered, said: Said | None = None) -> ChunkLog:
    """Play a writer from its beginning, and return its log; raises :class:`Waits` where it has not ended."""
    log = ChunkLog(cast("Objects", objects), JOB, 0, writer=writer.name)
    writer.work(log, said or Said())
    return log


type Check = Callable[[World], None]


def search(model: Model, check: Check) -> int:
    """Check every world in which all have ended; return how many schedules lead to one."""
    schedules: dict[World, int] = {}
    path = [(model.first(), model.turns(model.first()))]
    while path:
        world, turns = path[-1]
        if (after := next((each for each in turns if each not in schedules), None)) is not None:
            path.append((after, model.turns(after)))
            continue
        if not turns:
            check(world)
        schedules[world] = sum(schedules[each] for each in turns) or 1
        path.pop()
    return schedules[model.first()]


def wander(model: Model, chance: Random) -> World:
    """Return one world in which all have ended, by turns that chance takes."""
    world = model.first()
    while turns := model.turns(world):
        world = chance.choice(turns)
    return world
