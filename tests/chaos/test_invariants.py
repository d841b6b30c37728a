"""The invariants themselves: each is broken once by hand, and must say so."""

import json
from collections.abc import Callable

import pytest

from batchwright.money import Money
from batchwright.places import result_key
from batchwright.segment import NOTHING, write_segment
from tests.chaos.crashing import Ask, Ledger, Workflow, nothing
from tests.chaos.invariants import CANARY, check_invariants, check_money
from tests.chaos.test_crash_points import KEY, file, workflow
from tests.fakes import settled
from tests.laptop import Laptop

type Damage = Callable[[Laptop, str, Ledger], None]


@pytest.fixture
def ended() -> tuple[Workflow, str]:
    quiet = workflow(nothing())
    return quiet, quiet.job(file(), KEY)


def segment(job_id: str, number: int = 1, chunk: int = 0) -> str:
    return f"jobs/{job_id}/chunks/{chunk:06d}/{number:06d}.jsonl"


def drop_a_segment(laptop: Laptop, job_id: str, _: Ledger) -> None:
    laptop.objects.delete(segment(job_id, 0))


def drop_the_last_segment(laptop: Laptop, job_id: str, _: Ledger) -> None:
    last = [*laptop.objects.keys(f"jobs/{job_id}/chunks/000001/")][-1]
    del laptop.objects.versions[last]


def write_a_segment_again(laptop: Laptop, job_id: str, _: Ledger) -> None:
    laptop.objects.write(segment(job_id), laptop.objects.read(segment(job_id)))


def settle_twice(laptop: Laptop, job_id: str, _: Ledger) -> None:
    number = len([*laptop.objects.keys(f"jobs/{job_id}/chunks/000000/")])
    content = write_segment([settled(0)], place=(job_id, 0, number), writer="x", note=NOTHING)
    laptop.objects.create(segment(job_id, number), content)


def ask_again(_: Laptop, job_id: str, ledger: Ledger) -> None:
    worker = ledger.begin()
    ledger.end(worker, killed=True)
    ask = Ask(turn=next(ledger.turns), worker=worker, job_id=job_id, text=f"{CANARY} 0 x")
    ledger.asks.append(ask)


def forget_a_call(_: Laptop, __: str, ledger: Ledger) -> None:
    ledger.asks.append(ledger.asks[0])


def pay_twice(_: Laptop, job_id: str, ledger: Ledger) -> None:
    worker = ledger.begin()
    ledger.end(worker, killed=False)
    ledger.answered.add((job_id, ledger.asks[0].text, worker))


def change_a_result(laptop: Laptop, job_id: str, _: Ledger) -> None:
    key = result_key(job_id, "output.jsonl")
    laptop.objects.write(key, laptop.objects.read(key).replace(b"canary 0", b"canary 1"))


def change_the_receipt(laptop: Laptop, job_id: str, _: Ledger) -> None:
    key = result_key(job_id, "receipt.json")
    told = json.loads(laptop.objects.read(key)) | {"status": "failed"}
    laptop.objects.write(key, json.dumps(told).encode())


def go_on_after_the_end(laptop: Laptop, _: str, __: Ledger) -> None:
    laptop.events.said.append(laptop.events.said[0])


def quote_a_prompt(laptop: Laptop, job_id: str, _: Ledger) -> None:
    laptop.objects.write(f"jobs/{job_id}/problems.jsonl", b"canary 3")


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (drop_a_segment, "is missing"),
        (drop_the_last_segment, "are counted"),
        (write_a_segment_again, "was written again"),
        (settle_twice, "settled twice"),
        (ask_again, "asked again though it was settled"),
        (forget_a_call, "are counted"),
        (pay_twice, "paid for again"),
        (change_a_result, "has changed"),
        (change_the_receipt, "another end"),
        (go_on_after_the_end, "went on after its end"),
        (quote_a_prompt, "a prompt is in"),
    ],
)
def test_an_invariant_that_is_broken_is_noticed(
    ended: tuple[Workflow, str], damage: Damage, found: str
) -> None:
    quiet, job_id = ended
    check_invariants(quiet.laptop, job_id, quiet.ledger)
    damage(quiet.laptop, job_id, quiet.ledger)

    with pytest.raises(AssertionError, match=found):
        check_invariants(quiet.laptop, job_id, quiet.ledger)


def test_money_that_stays_reserved_is_noticed(ended: tuple[Workflow, str]) -> None:
    quiet, job_id = ended
    check_money(quiet.laptop, job_id)
    quiet.laptop.budgets.held[job_id] = Money(spent=1, reserved=1)

    with pytest.raises(AssertionError):
        check_money(quiet.laptop, job_id)
