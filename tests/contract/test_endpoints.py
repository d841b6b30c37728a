"""What asynchronous endpoints must do: the same in memory and as InvokeEndpointAsync tells it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config

from batchwright.aws.endpoints import SageMakerEndpoints
from batchwright.endpointfailure import failure_of
from batchwright.errors import (
    AccessDenied,
    BatchwrightError,
    ModelUnknown,
    RecordInvalid,
    ServiceFault,
    Throttled,
    TimedOut,
    Unavailable,
)
from tests.contract.cutting import cut
from tests.contract.queues import (
    HASTE,
    OnTheHost,
    Place,
    call,
    chat,
    in_memory,
    on_the_host,
    text_at,
    there,
)


@pytest.fixture
def hosted(aws: None) -> Iterator[OnTheHost]:  # noqa: ARG001 - moto is the account
    with on_the_host() as place:
        yield place


@pytest.fixture(params=["in memory", "on the host"])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "in memory":
        return in_memory()
    found: Place = request.getfixturevalue("hosted")
    return found


def test_the_answer_lies_where_the_call_was_told_it_would_and_nothing_else_does(
    place: Place,
) -> None:
    placed = place.endpoints.send(call("hello"))

    place.end()

    assert placed.output_key == "endpoints/output/job-1/7/a.out"
    assert text_at(place, placed) == "hello"
    assert not there(place, placed.failure_key)


def test_an_input_may_lie_in_the_bucket(place: Place) -> None:
    place.objects.write("endpoints/input/1.json", chat("from the bucket"))

    placed = place.endpoints.send(call(body=None, input_key="endpoints/input/1.json"))
    place.end()

    assert text_at(place, placed) == "from the bucket"


def test_the_end_of_a_call_is_told_under_its_inference_id(place: Place) -> None:
    placed = place.endpoints.send(call("hello", inference_id="id-5"))

    (told,) = place.end()

    assert told["inferenceId"] == "id-5"
    assert told["invocationStatus"] == "Completed"
    assert told["requestParameters"]["endpointName"] == "own"
    assert told["responseParameters"]["outputLocation"] == f"s3://box/{placed.output_key}"
    assert "failureReason" not in told


def test_a_repeat_is_a_call_of_its_own(place: Place) -> None:
    for filename in ("a.out", "b.out"):
        place.endpoints.send(call(filename=filename))

    told = place.end(2)

    assert [each["inferenceId"] for each in told] == ["id-1", "id-1"]
    assert place.paid() == ["id-1", "id-1"]


def test_a_container_that_fails_leaves_a_failure_object_and_no_answer(place: Place) -> None:
    place.behave(faults=[{"do": "fail", "match": "bad", "code": 500}])

    placed = place.endpoints.send(call("bad"))
    (told,) = place.end()

    assert not there(place, placed.output_key)
    assert isinstance(failure_of(place.objects.read(placed.failure_key), "own"), ServiceFault)
    assert told["invocationStatus"] == "Failed"
    assert isinstance(failure_of(told["failureReason"].encode(), "own"), ServiceFault)
    assert told["responseParameters"]["outputLocation"] == f"s3://box/{placed.failure_key}"


def test_a_container_that_is_too_slow_fails_its_call(place: Place) -> None:
    place.behave(haste=HASTE, faults=[{"do": "slow", "match": "slow"}])

    placed = place.endpoints.send(call("slow", timeout=60))
    place.end()

    assert isinstance(failure_of(place.objects.read(placed.failure_key), "own"), TimedOut)


def test_a_call_that_waits_too_long_is_told_of_and_leaves_nothing(place: Place) -> None:
    place.behave(faults=[{"do": "expire", "match": "late"}])

    placed = place.endpoints.send(call("late", ttl=60))
    (told,) = place.end()

    assert told["invocationStatus"] == "Failed"
    assert isinstance(failure_of(told["failureReason"].encode(), "own"), Unavailable)
    assert not there(place, placed.output_key)
    assert not there(place, placed.failure_key)
    assert place.paid() == []


def test_a_notification_may_come_twice(place: Place) -> None:
    place.behave(faults=[{"do": "double_notification"}])

    place.endpoints.send(call())

    assert len(place.end(2) if isinstance(place, OnTheHost) else place.end()) == 2


def test_a_notification_may_be_lost_with_its_answer_there(place: Place) -> None:
    place.behave(faults=[{"do": "lose_notification", "match": "quiet"}])

    quiet = place.endpoints.send(call("quiet", inference_id="quiet", filename="q.out"))
    place.endpoints.send(call("loud", inference_id="loud"))
    told = place.end(2) if not isinstance(place, OnTheHost) else place.end(1)

    assert [each["inferenceId"] for each in told] == ["loud"]
    assert text_at(place, quiet) == "quiet"


def test_an_answer_may_be_missing_that_was_told_of(place: Place) -> None:
    place.behave(faults=[{"do": "lose_output"}])

    placed = place.endpoints.send(call())
    (told,) = place.end()

    assert told["invocationStatus"] == "Completed"
    assert not there(place, placed.output_key)


def test_a_payload_may_hold_a_request_a_line_and_is_answered_line_by_line(place: Place) -> None:
    if isinstance(place, OnTheHost):
        place.behave(own={"takes_jsonl": True})
    texts = ["one", "two", "three"]

    placed = place.endpoints.send(call(body=b"\n".join(map(chat, texts))))
    place.end()

    lines = place.objects.read(placed.output_key).splitlines()
    assert [text in line.decode() for text, line in zip(texts, lines, strict=True)] == [True] * 3


def test_there_may_be_no_such_endpoint(place: Place) -> None:
    with pytest.raises(ModelUnknown):
        place.endpoints.send(call(endpoint="nobody"))


def test_what_is_too_large_to_be_sent_along_is_refused(place: Place) -> None:
    with pytest.raises(RecordInvalid):
        place.endpoints.send(call(body=b" " * 128_001))


@pytest.mark.parametrize(
    ("do", "kind"),
    [
        ("throttle", Throttled),
        ("500", Unavailable),
        ("503", Unavailable),
        ("403", AccessDenied),
        ("400", RecordInvalid),
    ],
)
def test_refusals_have_their_names(
    hosted: OnTheHost, do: str, kind: type[BatchwrightError]
) -> None:
    hosted.host.behave(faults=[{"do": do, "api": "InvokeEndpointAsync", "times": 1}])

    with pytest.raises(kind):
        hosted.endpoints.send(call())


@pytest.mark.parametrize("other", [{"folder": "s3:x y"}, {"filename": "a.b.c"}, {"ttl": 5}])
def test_what_has_no_form_that_sagemaker_takes_is_refused(
    hosted: OnTheHost, other: dict[str, Any]
) -> None:
    with pytest.raises(RecordInvalid):
        hosted.endpoints.send(call(**other))


@pytest.mark.parametrize("where", ["in_another_bucket", "in_another_folder", "beside_the_failures"])
def test_an_endpoint_that_writes_where_nobody_may_read_stops_the_job(
    hosted: OnTheHost, where: str
) -> None:
    with pytest.raises(AccessDenied, match="S3OutputPath s3://box/endpoints/output"):
        hosted.endpoints.send(call(endpoint=where))


def test_nobody_listens(aws: None) -> None:  # noqa: ARG001
    with on_the_host() as gone:
        pass

    with pytest.raises(Unavailable):
        gone.endpoints.send(call())


def test_a_reply_that_is_cut_tells_all_the_same_where_the_answer_will_lie(
    hosted: OnTheHost,
) -> None:
    hosted.host.behave(faults=[{"do": "cut", "api": "InvokeEndpointAsync", "times": 1}])

    placed = hosted.endpoints.send(call())
    hosted.end()

    assert text_at(hosted, placed) == "hello"


def test_a_reply_without_a_place_leaves_open_whether_the_call_waits_and_stops_no_job(
    aws: None,  # noqa: ARG001 - no credentials of anybody
) -> None:
    client: Any = cut(boto3.client("sagemaker-runtime"))

    with pytest.raises(TimedOut):
        SageMakerEndpoints(lambda: client, "box").send(call())


def test_a_reply_that_does_not_come_leaves_open_whether_the_call_waits(hosted: OnTheHost) -> None:
    hosted.host.behave(faults=[{"do": "hang", "api": "InvokeEndpointAsync", "times": 1}])
    once = Config(retries={"total_max_attempts": 1}, read_timeout=2)
    client: Any = boto3.client("sagemaker-runtime", endpoint_url=hosted.host.url, config=once)

    with pytest.raises(TimedOut):
        SageMakerEndpoints(lambda: client, "box").send(call())
    assert len(hosted.end()) == 1


def test_calls_wait_for_the_first_instance_and_for_room_on_it(hosted: OnTheHost) -> None:
    hosted.behave(own={"cold_start": 0.3, "instances": 1, "per_instance": 1})
    hosted.host.behave(latency_ms=50)

    for number in range(3):
        hosted.endpoints.send(call(inference_id=f"id-{number}", filename=f"{number}.out"))
    told = hosted.end(3)

    assert hosted.paid() == ["id-0", "id-1", "id-2"]
    waits = [_seconds(each, "eventTime") - _seconds(each, "receivedTime") for each in told]
    assert min(waits) > 0.3
    assert max(waits) > 0.4


def _seconds(told: dict[str, Any], name: str) -> float:
    return datetime.fromisoformat(told[name]).timestamp()


def test_a_queue_that_moves_too_slowly_lets_calls_expire(hosted: OnTheHost) -> None:
    hosted.behave(haste=HASTE, own={"cold_start": 0.5})

    hosted.endpoints.send(call(ttl=60))
    (told,) = hosted.end()

    assert isinstance(failure_of(told["failureReason"].encode(), "own"), Unavailable)


def test_what_a_container_does_not_take_is_its_refusal(hosted: OnTheHost) -> None:
    placed = hosted.endpoints.send(call(body=b'{"messages": []}'))
    hosted.end()

    assert isinstance(failure_of(hosted.objects.read(placed.failure_key), "own"), RecordInvalid)
