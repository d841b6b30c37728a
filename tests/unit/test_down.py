"""A model that is down, and several workers of a job that ask it: who tries whether it is back, and who rests."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from batchwright.breaker import FAILURES, LONGEST_PAUSE
from batchwright.completion import Completion
from batchwright.errors import Unavailable
from batchwright.request import Request
from batchwright.route import Route
from tests import timelapse
from tests.fakes import MODEL, echo
from tests.laptop import Laptop, chat_file

CIRCUIT = "bedrock#" + MODEL


@dataclass
class Failing:
    """A model that is down until it is back; a call of it takes a second."""

    down: bool = True
    calls: int = 0
    at_once: int = 0
    most_at_once: int = 0

    async def ask(
        self, request: Request, *, route: Route, timeout: float, metadata: Mapping[str, str]
    ) -> Completion:
        assert route.model == MODEL
        assert metadata
        assert timeout > 0
        self.calls += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(1)
        self.at_once -= 1
        if self.down:
            raise Unavailable("503")
        return echo(request)


def down_for_a_minute(laptop: Laptop) -> None:
    laptop.circuits.open(CIRCUIT, failures=FAILURES + 5, opened_at=int(timelapse.passed()))


async def test_a_worker_that_begins_while_the_model_is_down_asks_nobody_and_rests() -> None:
    laptop = Laptop(engine=(engine := Failing()))
    _, (chunk,) = laptop.planned(chat_file(5))
    down_for_a_minute(laptop)

    answer = await laptop.invoke(chunk)

    assert answer["state"] == "paused"
    assert engine.calls == 0


async def test_of_three_workers_that_begin_when_the_pause_is_over_one_makes_one_call() -> None:
    laptop = Laptop(engine=(engine := Failing()), chunk_records=5)
    _, chunks = laptop.planned(chat_file(15))
    down_for_a_minute(laptop)
    await asyncio.sleep(LONGEST_PAUSE)

    answers = await asyncio.gather(*map(laptop.invoke, chunks))

    assert {answer["state"] for answer in answers} == {"paused"}
    assert engine.calls == engine.most_at_once == 1


async def test_when_that_call_is_answered_all_of_them_go_on() -> None:
    laptop = Laptop(engine=(engine := Failing(down=False)), chunk_records=5)
    _, chunks = laptop.planned(chat_file(15))
    down_for_a_minute(laptop)
    await asyncio.sleep(LONGEST_PAUSE)

    answers = await asyncio.gather(*map(laptop.invoke, chunks))

    assert answers == [{"state": "done"}] * 3
    assert engine.calls == 15


async def test_workers_that_begin_soon_after_it_went_down_try_one_at_a_time_and_less_and_less() -> (
    None
):
    laptop = Laptop(engine=(engine := Failing()), chunk_records=5)
    _, chunks = laptop.planned(chat_file(15))
    laptop.circuits.open(CIRCUIT, failures=FAILURES, opened_at=int(timelapse.passed()))

    answers = await asyncio.gather(*map(laptop.invoke, chunks))

    assert {answer["state"] for answer in answers} == {"paused"}
    assert engine.most_at_once == 1
    assert 2 <= engine.calls <= 4, "after one, two, four and eight seconds, or they rest"
