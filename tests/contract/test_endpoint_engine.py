"""Endpoints asked on demand: every shape of container on the model host, and what may become of a call."""

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from batchwright.completion import Completion
from batchwright.endpointengine import EndpointEngine
from batchwright.errors import (
    AccessDenied,
    BatchwrightError,
    ContextOverflow,
    MalformedCompletion,
    ModelUnknown,
    RecordInvalid,
    ServiceFault,
    Throttled,
    TimedOut,
    Unavailable,
)
from batchwright.request import Request
from batchwright.route import Route
from batchwright.schema import structured_output
from batchwright.usage import Usage
from tests.canary import CANARY
from tests.contract.queues import HASTE, OnTheHost, on_the_host
from tests.fakes import MemoryObjects
from tests.fakes_endpoints import ScriptedEndpoints

METADATA = {"job_id": "job-1", "idempotency_key": "5a" * 32}
OWN = {
    "jinja": '{"q": {{ prompt | tojson }}, "n": {{ max_tokens }}}',
    "answer": "/outputs/0/text",
}
ATTEMPTS = itertools.count()
SCHEMA = '{"additionalProperties":false,"properties":{"a":{"type":"string"}},"type":"object"}'


@pytest.fixture
def hosted(aws: None) -> Iterator[OnTheHost]:  # noqa: ARG001 - moto is the account
    with on_the_host() as place:
        yield place


def route(body: Any = "openai", **more: Any) -> Route:
    told = {"engine": "sagemaker", "endpoint": "own", "body": body, **more}
    return Route.model_validate(told)


def say(text: str, **body: Any) -> Request:
    return Request(
        {
            "messages": [{"role": "user", "content": [{"text": text}]}],
            "inferenceConfig": {"maxTokens": 100},
            **body,
        }
    )


def ask(
    endpoints: Any,
    objects: Any,
    request: Request,
    *,
    asked: Route | None = None,
    timeout: float = 60,
) -> Completion:
    engine = EndpointEngine(endpoints, objects, new_id=lambda: f"attempt-{next(ATTEMPTS)}")

    async def asking() -> Completion:
        return await engine.ask(request, route=asked or route(), timeout=timeout, metadata=METADATA)

    try:
        return asyncio.run(asking())
    finally:
        engine.close()


def ask_host(hosted: OnTheHost, request: Request, **more: Any) -> Completion:
    return ask(hosted.endpoints, hosted.objects, request, **more)


@pytest.mark.parametrize(
    ("container", "body"),
    [("openai", "openai"), ("tgi", "tgi"), ("djl", "djl"), ("plain", OWN)],
)
def test_every_container_answers_what_it_is_asked_in_its_own_shape(
    hosted: OnTheHost, container: str, body: Any
) -> None:
    hosted.behave(own={"container": container})

    found = ask_host(hosted, say("hello"), asked=route(body))

    assert found.text == "hello"
    assert found.stop_reason == "end_turn"
    assert found.usage == Usage(input_tokens=2, output_tokens=2)
    assert found.estimated is (container != "openai")
    assert found.request_id == METADATA["idempotency_key"]
    assert hosted.paid() == [METADATA["idempotency_key"]]


def test_a_schema_holds_where_the_container_takes_one(hosted: OnTheHost) -> None:
    wanted = say("x", outputConfig=structured_output(SCHEMA, "answer"))
    for container in ("openai", "tgi"):
        hosted.behave(own={"container": container})

        assert ask_host(hosted, wanted, asked=route(container)).text == '{"a": "x"}'


def test_a_model_is_named_where_the_container_wants_to_be_told(hosted: OnTheHost) -> None:
    hosted.behave(own={"model": "qwen"})

    assert ask_host(hosted, say("hello"), asked=route(model="qwen")).text == "hello"
    with pytest.raises(RecordInvalid):
        ask_host(hosted, say("hello"), asked=route(model="other"))


def test_what_is_too_large_to_be_sent_along_goes_by_the_bucket(hosted: OnTheHost) -> None:
    text = "x" * 130_000

    found = ask_host(hosted, say(text, inferenceConfig={"maxTokens": 40_000}))

    assert found.text == text
    (key,) = hosted.objects.keys("endpoints/input/")
    assert key.startswith("endpoints/input/job-1/attempt-")


@pytest.mark.parametrize(
    ("code", "kind"),
    [(400, RecordInvalid), (429, Throttled), (503, Unavailable), (500, ServiceFault)],
)
def test_a_containers_refusal_has_its_name_and_not_its_words(
    hosted: OnTheHost, code: int, kind: type[BatchwrightError]
) -> None:
    hosted.behave(faults=[{"do": "fail", "code": code}])

    with pytest.raises(kind) as caught:
        ask_host(hosted, say(CANARY))

    assert CANARY not in str(caught.value)


def test_a_call_that_the_container_takes_too_long_for_is_timed_out(hosted: OnTheHost) -> None:
    hosted.behave(haste=HASTE, faults=[{"do": "slow"}])

    with pytest.raises(TimedOut, match="longer than its call may"):
        ask_host(hosted, say("hello"))


def test_nobody_waits_for_an_answer_for_longer_than_the_call_may_take(hosted: OnTheHost) -> None:
    hosted.behave(faults=[{"do": "lose_output"}])

    with pytest.raises(TimedOut, match="did not answer within"):
        ask_host(hosted, say("hello"), timeout=0.6)


def test_there_may_be_no_such_endpoint(hosted: OnTheHost) -> None:
    with pytest.raises(ModelUnknown):
        ask_host(hosted, say("hello"), asked=route(endpoint="nobody"))


def test_an_answer_in_another_shape_is_malformed(hosted: OnTheHost) -> None:
    hosted.behave(own={"container": "plain"})

    with pytest.raises(MalformedCompletion):
        ask_host(hosted, say("hello"), asked=route({**OWN, "answer": "/text"}))


def test_a_prompt_that_is_too_long_for_the_model_overflows() -> None:
    objects = MemoryObjects()
    endpoints = ScriptedEndpoints(objects)
    endpoints.behave(faults=[{"do": "fail", "code": 400, "match": "x"}])
    endpoints.at_once = True

    with pytest.raises(ContextOverflow):
        ask(endpoints, objects, say("this model's maximum context length is 8 tokens x"))


def test_two_attempts_do_not_meet_each_others_answers_or_failures() -> None:
    objects = MemoryObjects()
    endpoints = ScriptedEndpoints(objects, at_once=True)
    endpoints.behave(faults=[{"do": "fail", "times": 1}])
    count = itertools.count()
    engine = EndpointEngine(endpoints, objects, new_id=lambda: f"attempt-{next(count)}")

    async def asking() -> Completion:
        with pytest.raises(ServiceFault):
            await engine.ask(say("a"), route=route(), timeout=60, metadata=METADATA)
        return await engine.ask(say("a"), route=route(), timeout=60, metadata=METADATA)

    assert asyncio.run(asking()).text == "a"
    engine.close()
    assert [call.filename for call in endpoints.calls] == ["attempt-0.out", "attempt-1.out"]


def test_a_bucket_that_may_not_be_read_stops_the_job() -> None:
    class Shut(MemoryObjects):
        def read(self, key: str, *, span: tuple[int, int] | None = None) -> bytes:  # noqa: ARG002
            raise AccessDenied(f"read {key}")

    objects = Shut()

    with pytest.raises(AccessDenied):
        ask(ScriptedEndpoints(objects), objects, say("a"))


@pytest.mark.parametrize(
    ("timeout", "told"), [(0.9, (60, 1)), (300, (300, 300)), (9_000, (9_000, 3_600))]
)
def test_a_calls_own_times_are_those_of_the_wait_as_far_as_sagemaker_takes_them(
    timeout: float, told: tuple[int, int]
) -> None:
    objects = MemoryObjects()
    endpoints = ScriptedEndpoints(objects, at_once=True)

    ask(endpoints, objects, say("a"), timeout=timeout)

    (made,) = endpoints.calls
    assert (made.ttl, made.timeout) == told
    assert made.inference_id == METADATA["idempotency_key"]
    assert made.folder == "job-1"
