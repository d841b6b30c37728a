"""The governor over long runs and several seeds, on a virtual clock: the worst of the seeds is the figure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from batchwright.quotas import Quota
from tests.bench.figure import Figure, at_least, at_most, without_target
from tests.emulator.host.behaviour import LimitModel
from tests.simulation import SECOND, Fleet, Job

SEEDS = range(1, 6)
LIMIT_MODELS: tuple[LimitModel, ...] = ("window", "bucket")
FAST, SLOW = Quota(rpm=3000), Quota(rpm=600)
TOKENS, LARGE = Quota(tpm=500_000), Quota(tpm=2_000_000)
GREEDY = Job(told=TOKENS, max_tokens=32 * 64)
# Answers have 64 tokens, give or take 16.
NONE_CUT = 128
CROWD = Job(
    workers=500, input_tokens=1500, output_tokens=300, max_tokens=1000, latency=4000, told=LARGE
)
# Of 24 workers each leases once in six seconds, which are 60 calls; a tenth more may be written.
MANY_WRITES = 1.1 * 24 / 60
# A wait that is longer is the workflow's.
LONGEST_WAIT = 9
# What of a window such calls can have: each holds 2,148 tokens for a second and uses 157.
HELD_BACK = 1 / (1 + 2148 / 157 / 60)


@dataclass(frozen=True, kw_only=True)
class Runs:
    """The same fleet under several seeds."""

    name: str
    fleets: list[Fleet]

    def used(self, limit: float, begin: float, end: float, target: float) -> Figure:
        """Return how much of a limit of requests was used between two minutes."""
        worst = min(run.calls(begin, end) for run in self.fleets) / limit / (end - begin)
        return at_least(f"governor.{self.name}.used", round(worst, 4), target)

    def tokens(self, limit: float, begin: float, end: float, target: float) -> Figure:
        """Return how much of a limit of tokens was used between two minutes."""
        worst = min(run.tokens(begin, end) for run in self.fleets) / limit / (end - begin)
        return at_least(f"governor.{self.name}.used", round(worst, 4), target)

    def time(self, ideal: float, target: float) -> Figure:
        """Return how long it took until the last call went through, of the ideal seconds."""
        worst = max(run.lasted() for run in self.fleets) / ideal
        return at_most(f"governor.{self.name}.time", round(worst, 4), target)

    def refused(self, target: float) -> Figure:
        """Return what part of the calls was refused."""
        worst = max(run.refused_part() for run in self.fleets)
        return at_most(f"governor.{self.name}.refused", round(worst, 4), target)

    def longest_wait(self) -> Figure:
        """Return for how many seconds a worker was paid at most while its calls had no turn."""
        worst = max(run.longest_wait() for run in self.fleets)
        return at_most(f"governor.{self.name}.longest_wait", round(worst, 1), LONGEST_WAIT)

    def cut(self, target: float) -> Figure:
        """Return what part of the answers was cut, and paid for again."""
        worst = max(len(run.cut) / run.calls() for run in self.fleets)
        return at_most(f"governor.{self.name}.cut", round(worst, 4), target)

    def writes(self, target: float) -> Figure:
        """Return the writes to the table for a call."""
        worst = max(len(run.writes) / run.calls() for run in self.fleets)
        return at_most(f"governor.{self.name}.writes_a_call", round(worst, 4), target)


def figures() -> Iterator[Figure]:
    for limit_model in LIMIT_MODELS:
        yield from _told(limit_model)
        yield from _learnt(limit_model)
        yield from _by_tokens(limit_model)
        yield from _crowd(limit_model)
        yield _shares(limit_model)


def _runs(
    name: str, limit_model: LimitModel, limit: Quota, *jobs: Job, minutes: float = 10
) -> Runs:
    fleets = [
        Fleet(jobs=[*jobs], limit_model=limit_model, limit=limit, seed=seed).run(minutes=minutes)
        for seed in SEEDS
    ]
    return Runs(name=f"{limit_model}.{name}", fleets=fleets)


def _told(limit_model: LimitModel) -> Iterator[Figure]:
    runs = _runs("8_workers_3000_rpm", limit_model, FAST, Job(told=FAST))
    yield runs.used(3000, 0, 10, 0.98)
    yield runs.refused(0.005)
    yield runs.writes(0.05)
    yield runs.longest_wait()
    runs = _runs("24_workers_600_rpm", limit_model, SLOW, Job(workers=24, told=SLOW))
    yield runs.used(600, 0, 10, 0.96)
    yield runs.refused(0.005)
    yield runs.writes(MANY_WRITES)
    yield runs.longest_wait()
    deaths = {number: 60 * SECOND * (number + 1) for number in range(8)}
    runs = _runs("8_deaths", limit_model, FAST, Job(told=FAST, dies_after=deaths))
    yield runs.used(3000, 0, 10, 0.98)
    yield runs.longest_wait()
    chunks = Job(in_flight=16, told=FAST, latency=200, records=3000, dealt=True)
    runs = _runs("chunks_of_a_minute", limit_model, FAST, chunks, minutes=2)
    yield runs.time(60, 1.02)
    yield runs.writes(0.05)


def _learnt(limit_model: LimitModel) -> Iterator[Figure]:
    runs = _runs("unknown", limit_model, FAST, Job())
    yield runs.used(3000, 2, 10, 0.9)
    yield runs.longest_wait()
    runs = _runs("halved", limit_model, FAST, Job(), minutes=5)
    for run in runs.fleets:
        run.set_limit(Quota(rpm=1500))
        run.run(minutes=5)
    yield runs.used(1500, 6, 10, 0.9)
    yield runs.refused(0.03)
    yield runs.longest_wait()
    runs = _runs("500_workers_unknown", limit_model, LARGE, replace(CROWD, told=Quota()))
    yield runs.tokens(2_000_000, 2, 10, 0.85)
    yield runs.refused(0.05)
    yield runs.longest_wait()


def _by_tokens(limit_model: LimitModel) -> Iterator[Figure]:
    runs = _runs("tokens", limit_model, TOKENS, Job(told=TOKENS))
    yield runs.tokens(500_000, 0, 10, 0.98)
    runs = _runs("tokens_32_times_too_large", limit_model, TOKENS, GREEDY)
    yield runs.tokens(500_000, 1, 10, 0.98 if limit_model == "bucket" else 0.9 * HELD_BACK)
    yield runs.refused(0.02)
    for seconds in (1, 8):
        yield from _tight(limit_model, seconds)


def _tight(limit_model: LimitModel, seconds: int) -> Iterator[Figure]:
    """Compare what is learnt with the smallest limit that cuts none, which nobody can know before."""
    name, slow = f"tight_{seconds}_s", replace(GREEDY, latency=seconds * SECOND)
    runs = _runs(name, limit_model, TOKENS, replace(slow, tight=True))
    perfect = _runs(name, limit_model, TOKENS, replace(slow, max_tokens=NONE_CUT))
    greedy = _runs(name, limit_model, TOKENS, slow)
    most = min(run.tokens(0, 10) for run in perfect.fleets)
    yield runs.tokens(most / 10, 0, 10, 0.9)
    yield without_target(
        replace(greedy.tokens(most / 10, 0, 10, 0), name=f"governor.{greedy.name}.without")
    )
    yield runs.refused(0.02)
    yield runs.cut(0.005)


def _crowd(limit_model: LimitModel) -> Iterator[Figure]:
    runs = _runs("500_workers", limit_model, LARGE, CROWD)
    yield runs.tokens(2_000_000, 0, 10, 0.93)
    yield runs.refused(0.03)
    yield runs.longest_wait()
    most = max(len(run.writes) / 600 for run in runs.fleets)
    yield at_most(f"governor.{runs.name}.writes_a_second", round(most, 1), 25)


def _shares(limit_model: LimitModel) -> Figure:
    jobs = (Job(name="a", priority=2, told=FAST), Job(name="b", priority=6, told=FAST))
    runs = _runs("shares_1_to_3", limit_model, FAST, *jobs)
    ratios = [run.calls(1, 10, "b") / run.calls(1, 10, "a") for run in runs.fleets]
    worst = max(abs(ratio / 3 - 1) for ratio in ratios)
    return at_most(f"governor.{runs.name}.off", round(worst, 4), 0.1)
