"""A limit shared by workers that know nothing of each other: how much of it is used, and how many calls are wasted.

Ours are workers of one job, each with its chunk of it. The model host keeps the limit and a ledger. For each scenario
our workers and the peers ask the same prompts, one client after the other; without BENCH_LONG=1 only the first
scenarios and boto3. The ledgers are kept in ``.local/bench``, for ``tests/bench/plot.py``.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from threading import Timer
from typing import Any

import boto3

from batchwright.believed import RECOVERY
from batchwright.schedule import SECOND
from batchwright.tenancy import BELIEVED, FIRST_PART, LEARNING, TOLD
from tests.bench.clients.errand import PERMITS_AT, STATE_TABLE, TOKENS, Errand, Report
from tests.bench.crew import Client, send
from tests.bench.figure import Figure, at_least, at_most, untargeted, without_target
from tests.bench.ministack import ministack
from tests.bench.score import Limit, Score, score
from tests.emulator.host.behaviour import LimitModel
from tests.emulator.host.running import RunningHost, running
from tests.emulator.stack import LOCAL
from tests.emulator.surroundings import CREDENTIALS
from tests.fakes import MODEL
from tests.house.cloudformation import table_of

ROOT_USER: Any = {
    "region_name": CREDENTIALS["AWS_REGION"],
    "aws_access_key_id": CREDENTIALS["AWS_ACCESS_KEY_ID"],
    "aws_secret_access_key": CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
}
KEPT = LOCAL / "bench"
# Who needs longer than this many times the ideal has not got it done.
PATIENCE = 6
# And however short the ideal is, a busy machine may take so long.
LEAST_PATIENCE = 20.0
# Of the table, for each call that is answered, where eight workers share 3,000 calls a minute.
MOST_WRITES = 0.05
# So much more than is reckoned may be written: asks that are not granted, since another was first or the schedule is
# given away, and first stretches of workers that leave and come back.
BESIDES = 0.25


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A limit, and who runs into it."""

    name: str
    workers: int
    in_flight: int
    prompts: int
    limit: Limit
    limit_model: LimitModel
    max_tokens: int = TOKENS
    latency: float = 0.2
    """Seconds until a model answers."""
    told: bool = True
    """Whether clients that take a limit are told it."""
    since: float = 0.0
    """The second from which on the limit must be used: before, it is learnt."""
    used: float = 0.0
    throttled: float = 0.005
    writes: float | None = None
    """Of the table, a call: as many as are wanted; where nothing is said, what is reckoned and some."""
    long: bool = False

    @property
    def ideal(self) -> float:
        """The seconds that all prompts take where each call is made as soon as the limit has room for it."""
        return self.limit.seconds_for(self._amount) + self.latency

    @property
    def _amount(self) -> int:
        return self.prompts * (2 * TOKENS if self.limit.tokens else 1)

    @property
    def most_writes(self) -> float:
        """The writes a call that the design needs: a worker leases once a horizon, however few calls that is.

        So `workers / (horizon x calls a second)`: the horizon is six seconds of a limit that is told, five of one that
        is believed, and one while it is found, which takes as long as a recovery. To begin takes 24 short stretches.
        """
        paced = replace(self.limit, stock=0).seconds_for(
            self._amount
        )  # a stock is not spent at once
        told_for = (self.limit.change or (paced,))[0] if self.told else 0.0
        found_for = 0.0 if self.told else RECOVERY / SECOND
        believed_for = paced - told_for - found_for
        horizons = (TOLD, told_for), (BELIEVED, believed_for), (LEARNING, found_for)
        leases = sum(self.workers * seconds * SECOND / reach.target for reach, seconds in horizons)
        needed = (1 + BESIDES) * (leases + 1 / FIRST_PART) / self.prompts
        return round(needed, 3) if self.writes is None else self.writes

    @property
    def behaviour(self) -> dict[str, Any]:
        """What the host is told."""
        kind = "tpm" if self.limit.tokens else "rpm"
        limits = {"rpm": None, "tpm": None, kind: int(self.limit.per_minute)}
        return {**limits, "limit_model": self.limit_model}


def by_tokens(max_tokens: int, *, long: bool) -> Scenario:
    """Tokens bind: 1,200 calls a minute would use them up, and each holds ``max_tokens`` while it lasts.

    Answers take long, or what is held too much would not matter: of 2,048 the whole minute's worth is 72 calls. What is
    to be used is measured against :data:`PERFECT`.
    """
    whole = 1200 * 2.0 * TOKENS
    return Scenario(
        name=f"tokens_{max_tokens}",
        workers=8,
        in_flight=48,
        prompts=2400,
        latency=8.0,
        limit=Limit(per_minute=whole, stock=whole, tokens=True),
        limit_model="bucket",
        max_tokens=max_tokens,
        long=long,
    )


# Nobody knows before how long answers will be: whoever did would reserve as many tokens as these have.
PERFECT = by_tokens(TOKENS, long=False)
OF_PERFECT = 0.9
SCENARIOS = (
    Scenario(
        name="bucket",
        workers=8,
        in_flight=16,
        prompts=1500,
        limit=Limit(per_minute=3000),
        limit_model="bucket",
        used=0.98,
        writes=MOST_WRITES,
    ),
    Scenario(
        name="window",
        workers=8,
        in_flight=16,
        prompts=4500,
        limit=Limit(per_minute=3000),
        limit_model="window",
        used=0.98,
        writes=MOST_WRITES,
    ),
    Scenario(
        name="many",
        workers=24,
        in_flight=8,
        prompts=480,
        limit=Limit(per_minute=600),
        limit_model="bucket",
        used=0.96,
    ),
    PERFECT,
    by_tokens(2048, long=False),
    by_tokens(512, long=True),
    Scenario(
        name="unknown",
        workers=8,
        in_flight=16,
        prompts=3600,
        limit=Limit(per_minute=1200),
        limit_model="bucket",
        told=False,
        since=120,
        used=0.9,
        throttled=0.03,
        long=True,
    ),
    Scenario(
        name="halved",
        workers=8,
        in_flight=16,
        prompts=6000,
        limit=Limit(per_minute=3000, change=(60, 1500)),
        limit_model="bucket",
        since=120,
        used=0.9,
        throttled=0.03,
        long=True,
    ),
)
CLIENTS = (
    Client(name="batchwright", program="ours", ours=True, shares=True),
    Client(name="boto3_standard", program="boto3_threads", mode="standard"),
    Client(name="boto3_adaptive", program="boto3_threads", mode="adaptive"),
)
# The same with max_tokens as the users set it: what it is worth to learn how long answers are.
WITHOUT = Client(name="batchwright_full", program="ours", mode="full", shares=True)
SLOW_CLIENTS = (
    Client(name="litellm", program="litellm_bedrock", stranger=True),
    Client(
        name="zae_limiter",
        program="zae",
        mode="standard",
        stranger=True,
        shares=True,
        needs_limit=True,
    ),
)


def figures() -> Iterator[Figure]:
    long = bool(os.environ.get("BENCH_LONG"))
    perfect: Run | None = None
    with running("echo") as host:
        for scenario in SCENARIOS:
            for client in sent(scenario, long=long):
                done = run(scenario, client, host)
                yield from told(scenario, client, done)
                if scenario is PERFECT and client.ours:
                    perfect = done
                elif scenario.limit.tokens and perfect is not None:
                    yield of_perfect(scenario, client, done, perfect)


def sent(scenario: Scenario, *, long: bool) -> Sequence[Client]:
    """Return who is sent into a scenario."""
    if scenario is PERFECT and not long:
        return CLIENTS[:1]
    if scenario.long and not long:
        return ()
    clients = (*CLIENTS, *SLOW_CLIENTS) if long else CLIENTS
    if scenario.limit.tokens and scenario is not PERFECT:
        clients = (*clients, WITHOUT)
    return [client for client in clients if scenario.told or not client.needs_limit]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What became of one client in one scenario."""

    score: Score
    failed: int
    seconds: float
    writes: int
    """Of the shared table."""


def told(scenario: Scenario, client: Client, done: Run) -> Iterator[Figure]:
    """Hold ours against the targets; a peer's have none."""
    name, scored = f"throttle.{scenario.name}.{client.name}", done.score
    throttled = round(scored.for_each_answer(scored.refused), 4)
    writes = round(scored.for_each_answer(done.writes), 4)
    held = [
        at_most(f"{name}.failed", done.failed, 0, f"of {scenario.prompts} prompts"),
        at_least(f"{name}.used", round(scored.used, 4), scenario.used, "of the limit"),
        at_most(f"{name}.throttled", throttled, scenario.throttled, "a call answered"),
    ]
    if client.shares:
        most = scenario.most_writes
        held.append(at_most(f"{name}.writes", writes, most, "of the table a call answered"))
    yield from held if client.ours else map(without_target, held)
    if not done.failed:
        longer = round(done.seconds / scenario.ideal, 3)
        yield untargeted(f"{name}.time", longer, f"of the ideal {scenario.ideal:.1f} s")


def of_perfect(scenario: Scenario, client: Client, done: "Run", perfect: "Run") -> Figure:
    """Compare what was used with what reservations use that are as large as answers are."""
    ratio = round(done.score.used / perfect.score.used, 4)
    name = f"throttle.{scenario.name}.{client.name}.of_perfect"
    figure = at_least(name, ratio, OF_PERFECT, "of what perfect reservations use")
    return figure if client.ours else without_target(figure)


def run(scenario: Scenario, client: Client, host: RunningHost, *, kept: Path = KEPT) -> Run:
    """Let one client ask all prompts of a scenario, and keep the ledger."""
    host.reset()
    host.behave(latency_ms=scenario.latency * 1000)
    begun: list[float] = []
    timers: list[Timer] = []

    def begin() -> None:
        host.behave(**scenario.behaviour)
        begun.append(time.time())
        if scenario.limit.change is not None:
            second, per_minute = scenario.limit.change
            timers.append(Timer(second, host.behave, kwargs={"rpm": int(per_minute)}))
            timers[0].start()

    try:
        patience = max(LEAST_PATIENCE, PATIENCE * scenario.ideal)
        with leading_to(host, client) as environment:
            wanted = errands(scenario, client)
            reports = send(client, wanted, environment, begin=begin, patience=patience)
            seconds = time.time() - begun[0]
    finally:
        for timer in timers:
            timer.cancel()
    calls = host.calls()
    file = kept / f"{scenario.name}.{client.name}.jsonl"
    keep(calls, begun[0], file, permits_of(reports))
    scored = score(calls, scenario.limit, began=begun[0], since=scenario.since)
    # Who was not done in time says nothing; what its prompts came to, the ledger knows.
    late = None in reports
    answered = scored.answered if late else total(reports, "answered")
    return Run(
        score=scored,
        failed=scenario.prompts - answered,
        seconds=seconds,
        writes=total(reports, "writes"),
    )


def total(reports: Sequence[Report | None], name: str) -> int:
    """Add up what the workers reported."""
    return int(sum(report.get(name, 0) for report in reports if report))


@contextmanager
def leading_to(host: RunningHost, client: Client) -> Iterator[dict[str, str]]:
    """Give the environment that leads to the host, and for those who share one to a table that nobody used before."""
    environment = {**CREDENTIALS, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": host.url}
    if not client.shares:
        yield environment
        return
    with ministack(host.url) as url:
        dynamodb = boto3.client("dynamodb", endpoint_url=url, **ROOT_USER)
        dynamodb.create_table(TableName=STATE_TABLE, **table_of("StateTable"))
        yield {**environment, "AWS_ENDPOINT_URL": url}


def errands(scenario: Scenario, client: Client) -> Sequence[Errand]:
    """Deal the prompts out."""
    per_minute = int(scenario.limit.per_minute) if scenario.told else None
    return [
        Errand(
            model=MODEL,
            prompts=scenario.prompts,
            clients=scenario.workers,
            number=number,
            in_flight=scenario.in_flight,
            max_tokens=scenario.max_tokens,
            mode=client.mode,
            rpm=None if scenario.limit.tokens else per_minute,
            tpm=per_minute if scenario.limit.tokens else None,
        )
        for number in range(scenario.workers)
    ]


def permits_of(reports: Sequence[Report | None]) -> Counter[float]:
    """Return how many permits the workers took, by the time of day."""
    permits: Counter[float] = Counter()
    for name, count in chain.from_iterable(report.items() for report in reports if report):
        if name.startswith(PERMITS_AT):
            permits[float(name.removeprefix(PERMITS_AT))] += int(count)
    return permits


def keep(
    calls: Sequence[dict[str, Any]], began: float, file: Path, permits: Mapping[float, int]
) -> None:
    """Write down when each call came, in seconds since the beginning, and what became of it; then the permits."""
    file.parent.mkdir(parents=True, exist_ok=True)
    moments = sorted((call["at"] - began, call["status"]) for call in calls)
    file.write_text(
        "".join(json.dumps({"at": round(at, 3), "status": status}) + "\n" for at, status in moments)
        + "".join(
            json.dumps({"at": round(max(0.0, at - began), 1), "permits": count}) + "\n"
            for at, count in sorted(permits.items())
        )
    )
