"""A job that stops while its calls wait at an endpoint: what can still answer is waited for a few minutes, and read."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from batchwright.endpointlane import LONGEST_GOODBYE
from batchwright.errors import Throttled
from batchwright.job import Status
from batchwright.submission import Submission
from tests import timelapse
from tests.endpointlaptop import ENDPOINT, EndpointLaptop
from tests.fakes import NOON, ScriptedEngine
from tests.laptop import chat_file


def waiting(records: int = 10, **given: Any) -> tuple[EndpointLaptop, str, Submission, str]:
    """A job whose calls all wait at the endpoint, and the token of the task that waits for them."""
    laptop = EndpointLaptop(
        engine=ScriptedEngine(), chunk_records=100, works=False, **{"contract": ENDPOINT, **given}
    )
    job_id, (submission,) = laptop.batch(chat_file(records))
    token, answer = timelapse.run(laptop.submit(submission))
    assert answer is None
    return laptop, job_id, submission, token


def endings(laptop: EndpointLaptop, job_id: str) -> Counter[str]:
    return Counter(outcome["status"] for outcome in laptop.results(job_id, "outcomes.jsonl"))


def on_demand(laptop: EndpointLaptop) -> int:
    engine: Any = laptop.engine
    return len(engine.calls)


def test_what_is_answered_after_a_cancellation_is_read_and_the_job_closes_then() -> None:
    laptop, job_id, submission, token = waiting()
    laptop.endpoints.work(4)

    laptop.cancel(job_id)

    assert laptop.tasks.told[token] == {"state": "ended"}, "it is looked at now"
    assert laptop.workflows.started == [job_id], "it closes by itself, when nothing more can come"
    answer = timelapse.run(laptop.collect(submission))
    assert answer["state"] == "paused"
    laptop.works = True
    assert timelapse.run(laptop.child(submission)) == "done"
    laptop.close(job_id)
    assert endings(laptop, job_id) == {"succeeded": 10}
    assert laptop.row(job_id).status is Status.INCOMPLETE
    assert on_demand(laptop) == 0


def test_calls_that_do_not_answer_are_waited_for_some_minutes_and_counted() -> None:
    laptop, job_id, submission, _ = waiting()
    laptop.endpoints.work(4)
    laptop.cancel(job_id)

    assert timelapse.run(laptop.child(submission)) == "stopped"
    laptop.close(job_id)

    assert endings(laptop, job_id) == {"succeeded": 4, "cancelled": 6}
    assert laptop.clock.time - NOON <= LONGEST_GOODBYE + timedelta(minutes=1)
    tally = laptop.row(job_id).tally
    assert (tally.calls, tally.ambiguous_calls) == (10, 6)
    assert on_demand(laptop) == 0
    assert not any(laptop.slots.places.values())


def test_a_route_whose_calls_may_take_less_is_waited_for_no_longer_than_that() -> None:
    contract = ENDPOINT.replace("endpoint: own", "endpoint: own, timeout: 60")
    laptop, job_id, submission, _ = waiting(contract=contract)
    laptop.cancel(job_id)

    assert timelapse.run(laptop.child(submission)) == "stopped"

    assert laptop.clock.time - NOON <= timedelta(minutes=2)


def test_only_who_waits_is_woken_and_nobody_of_another_job() -> None:
    laptop = EndpointLaptop(engine=ScriptedEngine(), chunk_records=100, works=False)
    job_id, submissions = laptop.batch(chat_file(250))
    tokens = [timelapse.run(laptop.submit(each))[0] for each in submissions]
    laptop.slots.take("sagemaker_async#own", "bw-another-00-000000", limit=9, until=2e12)

    laptop.cancel(job_id)

    told = [laptop.tasks.told.get(token, {}).get("state") for token in tokens]
    assert told == ["ended", "ended", "paused"]
    assert timelapse.run(laptop.submit(submissions[2]))[1] == {
        "state": "stopped",
        "reason": "cancelled",
    }


@pytest.mark.parametrize("stops", ["cancelled", "hurried"])
def test_what_was_handed_over_in_part_when_the_job_stops_is_collected_and_counted(
    stops: str,
) -> None:
    laptop = EndpointLaptop(engine=ScriptedEngine(), chunk_records=100, works=False)
    job_id, (submission,) = laptop.batch(chat_file(10))
    send = laptop.endpoints.send

    def refusing(call: Any) -> Any:
        if len(laptop.endpoints.calls) == 6:
            raise Throttled("too fast")
        return send(call)

    laptop.endpoints.send = refusing  # type: ignore[method-assign]
    assert (timelapse.run(laptop.submit(submission))[1] or {})["state"] == "paused"
    laptop.endpoints.send = send  # type: ignore[method-assign]
    laptop.endpoints.work(4)
    if stops == "cancelled":
        laptop.cancel(job_id)
    else:
        laptop.pass_time(23.9 * 3_600)

    state = timelapse.run(laptop.child(submission))
    laptop.close(job_id)

    assert len(laptop.endpoints.calls) == 6
    tally = laptop.row(job_id).tally
    assert (tally.calls, tally.ambiguous_calls) == (6 + on_demand(laptop), 2)
    if stops == "cancelled":
        assert (state, on_demand(laptop)) == ("stopped", 0)
        assert endings(laptop, job_id) == {"succeeded": 4, "cancelled": 6}
    else:
        assert (state, on_demand(laptop)) == ("done", 6)
        assert endings(laptop, job_id) == {"succeeded": 10}


def test_what_was_never_handed_over_is_not_waited_for() -> None:
    laptop = EndpointLaptop(engine=ScriptedEngine(), chunk_records=100, works=False)
    job_id, (submission,) = laptop.batch(chat_file(10))
    laptop.cancel(job_id)

    assert timelapse.run(laptop.child(submission)) == "stopped"
    laptop.close(job_id)

    assert laptop.endpoints.calls == []
    assert endings(laptop, job_id) == {"cancelled": 10}
    assert laptop.row(job_id).tally.calls == 0


def test_an_execution_that_takes_over_while_the_last_answers_are_waited_for_looks_at_once() -> None:
    laptop, job_id, submission, _ = waiting()
    laptop.cancel(job_id)
    assert timelapse.run(laptop.collect(submission))["state"] == "paused"

    _, answer = timelapse.run(laptop.submit(submission))

    assert answer == {"state": "ended"}
