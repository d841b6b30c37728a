"""What services found in requests that a lane was handed is kept: nobody asks them twice, or pays them twice."""

import json
from contextlib import suppress
from typing import Any

from batchwright.filters import Means
from batchwright.job import Status
from batchwright.places import batch_prefix
from batchwright.submission import SubmissionRow
from tests import timelapse
from tests.chaos.crashing import Crash
from tests.emulator.host.looks import EMAIL, Look
from tests.fakes import ScriptedEngine
from tests.lanelaptop import BATCH, LaneLaptop, hurrying
from tests.laptop import Laptop, chat_line, jsonl
from tests.lookers import ScriptedComprehend, ScriptedGuardrails

SERVICES = (
    "filters:\n"
    "  input:\n"
    "  - comprehend: {kinds: [email], then: redact}\n"
    "  - guardrail: {id: abc, version: 1, then: block}\n"
    "  output: [{pii: redact}]\n"
)
LINES = [
    chat_line(f"r{number}", f"write {number} to a{number}@b.example" + (" secret" * (number == 7)))
    for number in range(120)
]


def services() -> tuple[ScriptedComprehend, ScriptedGuardrails, Means]:
    comprehend, guardrails = (
        ScriptedComprehend([EMAIL]),
        ScriptedGuardrails([Look(match="secret", kind="WORD")]),
    )
    return comprehend, guardrails, Means(guardrails=guardrails, comprehend=comprehend)


def told(laptop: Laptop, job_id: str) -> list[dict[str, Any]]:
    """What became of each record, but for when and how it was asked."""
    names = ("index", "status", "error", "verdict", "findings", "attempts", "input_digest")
    return [
        {name: each[name] for name in names} for each in laptop.results(job_id, "outcomes.jsonl")
    ]


def said(laptop: Laptop, job_id: str) -> list[str]:
    lines = laptop.results(job_id, "output.jsonl")
    return [line["response"]["body"]["choices"][0]["message"]["content"] for line in lines]


def test_services_look_at_a_request_once_and_the_outcomes_are_those_of_on_demand() -> None:
    comprehend, guardrails, means = services()
    laptop = LaneLaptop(engine=ScriptedEngine(), contract=BATCH + SERVICES, means=means)
    job_id, _ = laptop.batch(jsonl(LINES))

    row = laptop.to_the_end(job_id)

    assert row.status is Status.COMPLETED
    assert len(comprehend.texts) == 120
    assert len(guardrails.texts) == 120
    other = Laptop(engine=ScriptedEngine(), means=services()[2])
    other.put_contract("batch", (BATCH + SERVICES).replace("lane: bedrock_batch\n", ""))
    other.run(jsonl(LINES), "inbox/batch/file.jsonl")
    (at_once,) = other.jobs.rows
    assert told(laptop, job_id) == told(other, at_once)
    assert said(laptop, job_id) == said(other, at_once)
    assert said(laptop, job_id)[0] == "write 0 to [EMAIL_1]"


def test_what_a_batch_leaves_is_asked_on_demand_as_the_services_let_it_be() -> None:
    comprehend, _, means = services()
    laptop = LaneLaptop(engine=ScriptedEngine(), contract=BATCH + SERVICES, means=means)
    laptop.batches.behave(faults=[{"do": "partial", "after": 60}])
    job_id, _ = laptop.batch(jsonl(LINES))

    laptop.to_the_end(job_id)

    assert len(comprehend.texts) == 120
    engine: Any = laptop.engine
    assert len(engine.calls) == 59
    assert "@" not in json.dumps([call.body for call in engine.calls])


def test_a_handing_over_that_takes_several_runs_asks_services_once() -> None:
    comprehend, _, means = services()
    laptop = LaneLaptop(engine=ScriptedEngine(), contract=BATCH + SERVICES, means=means)
    _, (submission,) = laptop.batch(jsonl(LINES))

    async def hand_over() -> int:
        for calls in range(1, 60):
            _, answer = await laptop.submit(submission, time_left=hurrying(9_000, 400))
            if answer is None:
                return calls
            assert answer == {"state": "more"}
        raise AssertionError(submission)

    assert timelapse.run(hand_over()) > 2
    assert len(comprehend.texts) == 120


def test_a_handing_over_that_died_asks_services_no_more_for_the_chunks_that_it_was_through() -> (
    None
):
    comprehend, _, means = services()
    laptop = LaneLaptop(
        engine=ScriptedEngine(), contract=BATCH + SERVICES, means=means, chunk_records=40
    )
    job_id, (submission,) = laptop.batch(jsonl(LINES))
    add = laptop.submissions.add

    def dying(row: SubmissionRow) -> SubmissionRow:  # noqa: ARG001 - as the real one
        laptop.submissions.add = add  # type: ignore[method-assign]
        laptop.objects.delete(f"jobs/{job_id}/work/submit-000000.json")
        raise Crash

    laptop.submissions.add = dying  # type: ignore[method-assign]
    with suppress(Crash):
        timelapse.run(laptop.submit(submission))

    laptop.to_the_end(job_id)

    assert len(comprehend.texts) == 120, "that was kept, though not how far it was staged"


def test_nothing_is_kept_where_no_service_is_asked() -> None:
    laptop = LaneLaptop(
        engine=ScriptedEngine(), contract=BATCH + "filters: {input: [{pii: redact}]}\n"
    )
    job_id, _ = laptop.batch(jsonl(LINES))

    laptop.to_the_end(job_id)

    assert not [key for key in laptop.objects.keys(batch_prefix(job_id, 0)) if "looked" in key]
