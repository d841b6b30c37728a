"""What a submission takes of the requests that it is given: one model, one kind, and no more than the lane bears."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from batchwright.batchlines import asked_line
from batchwright.prices import Price
from batchwright.request import Request
from batchwright.settling import Asked
from batchwright.staging import Stage, Staged
from tests.fakes import MODEL

CHAT = Request({"messages": [{"role": "user", "content": [{"text": "hello"}]}],
                "inferenceConfig": {"maxTokens": 10}})  # fmt: skip
TOOLS = Request({**CHAT.body, "toolConfig": {"tools": []}})
NATIVE = Request({"prompt": "hello", "max_gen_len": 10}, "llama")


@dataclass
class Bears:
    """A lane that bears a little."""

    fewest: int = 2
    most: int = 4
    largest: int = 10_000
    factor: float | None = 0.5
    price: Price | None = None

    def line(self, index: int, request: Request) -> bytes | None:
        return asked_line(index, request)


type Make = Callable[..., Stage]


@pytest.fixture
def staged() -> Iterator[Make]:
    made: list[Stage] = []

    def make(
        *requests: tuple[str, Request],
        priced: bool = False,
        after: Staged | None = None,
        **bears: Any,
    ) -> Stage:
        stage = Stage(MODEL, Bears(**bears), after or Staged(), priced=priced)
        made.append(stage)
        for index, (model, request) in enumerate(requests):
            stage.take(Asked(index=index), model, request)
        return stage

    yield make
    for stage in made:
        stage.close()


def written(stage: Stage) -> list[dict[str, Any]]:
    return [json.loads(line) for line in b"".join(stage.blocks()).splitlines()]


def test_a_request_is_a_line_that_tells_its_record(staged: Make) -> None:
    stage = staged((MODEL, CHAT), (MODEL, CHAT))

    assert written(stage) == [
        {"recordId": "00000000000", "modelInput": CHAT.body},
        {"recordId": "00000000001", "modelInput": CHAT.body},
    ]
    assert written(stage) == [], "each line is told once"
    assert stage.indexes == {0, 1}


@pytest.mark.parametrize(
    ("model", "request_"), [("amazon.nova-pro-v1:0", CHAT), (MODEL, TOOLS), (MODEL, NATIVE)]
)
def test_another_model_another_kind_or_what_a_batch_refuses_is_left(
    model: str, request_: Request, staged: Make
) -> None:
    stage = staged((MODEL, CHAT), (model, request_), (MODEL, CHAT))

    assert stage.indexes == {0, 2}
    assert len(written(stage)) == 2


def test_the_first_request_decides_of_which_kind_the_others_are(staged: Make) -> None:
    stage = staged((MODEL, NATIVE), (MODEL, CHAT), (MODEL, NATIVE))

    assert stage.indexes == {0, 2}
    assert stage.staged.kind == "llama"


def test_no_more_records_or_bytes_are_taken_than_the_lane_bears(staged: Make) -> None:
    size = len(asked_line(0, CHAT) or b"")

    assert staged(*[(MODEL, CHAT)] * 6).indexes == {0, 1, 2, 3}
    assert staged(*[(MODEL, CHAT)] * 6, largest=2 * size + 1).indexes == {0, 1}


def test_what_it_costs_at_most_is_counted_at_the_lanes_price(staged: Make) -> None:
    whole, half = (staged((MODEL, CHAT), priced=True, factor=part) for part in (1.0, 0.5))

    assert whole.staged.most == 2 * half.staged.most > 0


def test_where_money_counts_nothing_is_taken_whose_price_nobody_knows(staged: Make) -> None:
    assert staged((MODEL, CHAT), priced=True, factor=None).indexes == set()
    assert staged((MODEL, CHAT), priced=False, factor=None).indexes == {0}


def test_what_was_taken_before_is_known_to_the_next_run(staged: Make) -> None:
    first = staged((MODEL, CHAT), (MODEL, CHAT), (MODEL, NATIVE), (MODEL, CHAT))
    first.note()

    again = staged(after=first.staged)

    assert first.staged.runs == ((0, 1), (3, 3))
    assert again.indexes == {0, 1, 3}
    assert not again.too_few
