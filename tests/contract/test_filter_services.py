"""What the services of filters must do: the same in memory, and by the adapters on the wire."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any, get_args

import pytest
from botocore.session import get_session

from batchwright.aws.comprehend import AmazonComprehend
from batchwright.aws.filterfunctions import LambdaFunctions
from batchwright.aws.guardrails import BedrockGuardrails
from batchwright.aws.threads import once
from batchwright.errors import (
    AccessDenied,
    BatchwrightError,
    FilterBroken,
    RecordInvalid,
    ServiceFault,
    Throttled,
    TimedOut,
    Unavailable,
)
from batchwright.filters.comprehend import PERSONAL, TOXIC
from batchwright.filters.guardrail_checks import Entity
from batchwright.filters.services import Comprehend, Guardrails
from batchwright.finding import Stage
from tests.emulator.host.looks import EMAIL, Look
from tests.emulator.host.running import RunningHost, running
from tests.emulator.host.wire.comprehend import DetectPiiEntities, DetectToxicContent
from tests.emulator.host.wire.guardrails import ApplyGuardrail, InvokeGuardrailChecks
from tests.lookers import ScriptedComprehend, ScriptedGuardrails

TEXT = "caf\u00e9 \U0001f600 to a@b.example"
LOOKS = [
    EMAIL,
    Look(match="idiot", kind="INSULTS", score=0.7),
    Look(match="idiot", kind="INSULT", score=0.7),
    Look(match="ignore", kind="JAILBREAK", score=0.9),
    Look(match="stocks", kind="Financial advice"),
    Look(match="Paris", kind="GROUNDING", score=0.75),
]


def scripted(host: RunningHost) -> RunningHost:
    host.behave(looks=[look.model_dump() for look in LOOKS])
    return host


@pytest.fixture(params=["in memory", "on the wire"])
def guardrails(request: pytest.FixtureRequest) -> Iterator[Guardrails]:
    if request.param == "in memory":
        yield ScriptedGuardrails(LOOKS)
        return
    host = scripted(request.getfixturevalue("host"))
    with host.client(max_pool_connections=16) as client:
        adapter = BedrockGuardrails(lambda: client)
        yield adapter
        adapter.close()


@pytest.fixture(params=["in memory", "on the wire"])
def comprehend(request: pytest.FixtureRequest) -> Iterator[Comprehend]:
    if request.param == "in memory":
        yield ScriptedComprehend(LOOKS)
        return
    host = scripted(request.getfixturevalue("host"))
    with host.client("comprehend") as client:
        adapter = AmazonComprehend(lambda: client)
        yield adapter
        adapter.close()


def guarded(*texts: str) -> list[dict[str, Any]]:
    return [{"text": {"text": text}} for text in texts]


async def applied(service: Guardrails, *content: dict[str, Any]) -> Any:
    return await service.apply("abc", 3, Stage.OUTPUT, content)


async def test_a_guardrail_tells_what_it_found(guardrails: Guardrails) -> None:
    answer = await applied(guardrails, *guarded("idiot buys stocks", TEXT))
    (assessed,) = answer["assessments"]
    assert answer["action"] == "GUARDRAIL_INTERVENED"
    assert assessed["contentPolicy"]["filters"][0]["type"] == "INSULTS"
    assert assessed["contentPolicy"]["filters"][0]["confidence"] == "MEDIUM"
    assert assessed["topicPolicy"]["topics"][-1]["name"] == "Financial advice"
    (entity,) = assessed["sensitiveInformationPolicy"]["piiEntities"]
    assert (entity["type"], entity["match"]) == ("EMAIL", "a@b.example")
    assert entity["action"] == "ANONYMIZED"


async def test_a_guardrail_that_finds_nothing_does_nothing(guardrails: Guardrails) -> None:
    answer = await applied(guardrails, *guarded("hello"))
    assert answer["action"] == "NONE"
    assert all(not policy for policy in answer["assessments"][0].values())


async def test_a_guardrail_compares_with_a_source(guardrails: Guardrails) -> None:
    beside = [
        {"text": {"text": "London", "qualifiers": ["grounding_source"]}},
        {"text": {"text": "Where?", "qualifiers": ["query"]}},
        {"text": {"text": "Paris", "qualifiers": ["guard_content"]}},
    ]
    (assessed,) = (await applied(guardrails, *beside))["assessments"]
    (grounds,) = assessed["contextualGroundingPolicy"]["filters"]
    assert (grounds["type"], grounds["score"]) == ("GROUNDING", 0.25)


async def test_a_guardrail_reads_so_much_at_once(guardrails: Guardrails) -> None:
    await applied(guardrails, *guarded("x" * 25_000))
    with pytest.raises(RecordInvalid):
        await applied(guardrails, *guarded("x" * 25_001))


async def test_checks_tell_scores_and_places(guardrails: Guardrails) -> None:
    checks = {
        "contentFilter": {"categories": [{"category": "INSULTS"}, {"category": "HATE"}]},
        "promptAttack": {"categories": [{"category": "JAILBREAK"}]},
        "sensitiveInformation": {"entities": [{"type": "EMAIL"}, {"type": "NAME"}]},
    }
    messages = [
        {"role": "user", "content": [{"text": "ignore, idiot"}]},
        {"role": "user", "content": [{"text": TEXT}]},
    ]
    results = (await guardrails.check(messages, checks))["results"]
    assert results["contentFilter"]["results"] == [
        {"category": "INSULTS", "severityScore": 0.7},
        {"category": "HATE", "severityScore": 0.0},
    ]
    assert results["promptAttack"]["results"][0]["severityScore"] == 0.9
    (entity,) = results["sensitiveInformation"]["results"]
    assert TEXT[entity["beginOffset"] : entity["endOffset"]] == "a@b.example"
    assert (entity["messageIndex"], entity["contentIndex"]) == (1, 0)
    assert results["sensitiveInformation"]["truncated"] is False


async def test_checks_of_nothing_are_refused(guardrails: Guardrails) -> None:
    with pytest.raises(RecordInvalid):
        await guardrails.check([], {"promptAttack": {"categories": [{"category": "JAILBREAK"}]}})


async def test_personal_data_have_places_in_letters(comprehend: Comprehend) -> None:
    (entity,) = await comprehend.personal(TEXT, "en")
    assert TEXT[entity["BeginOffset"] : entity["EndOffset"]] == "a@b.example"
    assert (entity["Type"], entity["Score"]) == ("EMAIL", pytest.approx(0.99))


async def test_toxic_content_is_told_text_by_text(comprehend: Comprehend) -> None:
    calm, insulting = await comprehend.toxic(["hello", "you idiot"], "en")
    assert max(label["Score"] for label in calm["Labels"]) < 0.1
    (found,) = [label for label in insulting["Labels"] if label["Score"] > 0.5]
    assert (found["Name"], found["Score"]) == ("INSULT", pytest.approx(0.7))


async def test_comprehend_reads_so_much_at_once(comprehend: Comprehend) -> None:
    with pytest.raises(RecordInvalid):
        await comprehend.personal("x" * 102_401, "en")
    with pytest.raises(RecordInvalid):
        await comprehend.toxic(["x" * 1_025], "en")
    with pytest.raises(RecordInvalid):
        await comprehend.toxic(["x"] * 11, "en")


async def test_a_language_that_comprehend_does_not_read_breaks_the_filter(
    comprehend: Comprehend,
) -> None:
    with pytest.raises(FilterBroken):
        await comprehend.personal("hallo", "de")
    with pytest.raises(FilterBroken):
        await comprehend.toxic(["hola"], "es")


# ---- the host's answers, held to botocore's service model, which does not do so itself ------------

CHECKS = {
    "contentFilter": {"categories": [{"category": "INSULTS"}]},
    "promptAttack": {"categories": [{"category": "JAILBREAK"}]},
    "sensitiveInformation": {"entities": [{"type": "EMAIL"}]},
}
SAYS = f"{TEXT}, idiot, ignore stocks, Paris is damn acme"
MORE = [*LOOKS, Look(match="damn", kind="PROFANITY"), Look(match="acme", kind="WORD")]
ANSWERS: list[tuple[str, str, Any]] = [
    (
        "bedrock-runtime",
        "ApplyGuardrail",
        ApplyGuardrail(
            json.dumps(
                {
                    "source": "OUTPUT",
                    "content": [
                        {"text": {"text": "London", "qualifiers": ["grounding_source"]}},
                        {"text": {"text": SAYS, "qualifiers": ["guard_content"]}},
                    ],
                }
            ).encode()
        ),
    ),
    (
        "bedrock-runtime",
        "InvokeGuardrailChecks",
        InvokeGuardrailChecks(
            json.dumps(
                {"messages": [{"role": "user", "content": [{"text": SAYS}]}], "checks": CHECKS}
            ).encode()
        ),
    ),
    (
        "comprehend",
        "DetectPiiEntities",
        DetectPiiEntities(json.dumps({"Text": SAYS, "LanguageCode": "en"}).encode()),
    ),
    (
        "comprehend",
        "DetectToxicContent",
        DetectToxicContent(
            json.dumps({"TextSegments": [{"Text": SAYS}], "LanguageCode": "en"}).encode()
        ),
    ),
]


def faults_of(shape: Any, value: Any, path: str = "") -> Iterator[str]:
    """Yield where a value is not what a shape of the service model says."""
    if shape.type_name == "structure":
        yield from (f"{path} lacks {name}" for name in {*shape.required_members} - {*value})
        yield from (f"{path} has {name}" for name in {*value} - {*shape.members})
        for name in {*value} & {*shape.members}:
            yield from faults_of(shape.members[name], value[name], f"{path}.{name}")
    elif shape.type_name == "list":
        for number, each in enumerate(value):
            yield from faults_of(shape.member, each, f"{path}[{number}]")
    elif not isinstance(value, {"string": str, "boolean": bool}.get(shape.type_name, float | int)):
        yield f"{path} is no {shape.type_name}"
    elif getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{path} is {value}"


@pytest.mark.parametrize(
    ("service", "operation", "asked"), ANSWERS, ids=[each[1] for each in ANSWERS]
)
def test_an_answer_of_the_host_is_one_of_the_service(
    service: str, operation: str, asked: Any
) -> None:
    model = get_session().get_service_model(service).operation_model(operation)
    answer = json.loads(json.dumps(asked.answer(MORE)))
    assert [*faults_of(model.output_shape, answer)] == []
    assert [*faults_of(model.output_shape, {"odd": 1})]


def test_the_kinds_that_contracts_know_are_those_of_the_services() -> None:
    runtime, comprehend = map(get_session().get_service_model, ("bedrock-runtime", "comprehend"))
    entities: Any = runtime.shape_for("GuardrailChecksSensitiveInformationEntityType")
    types: Any = comprehend.shape_for("PiiEntityType")
    labels: Any = comprehend.shape_for("ToxicContentType")
    assert {each.lower() for each in types.enum} - {"all"} == PERSONAL
    assert {each.lower() for each in labels.enum} == TOXIC
    assert {each.lower() for each in entities.enum} == {*get_args(Entity.__value__)}


def test_the_host_wants_a_signature_and_an_operation(host: RunningHost) -> None:
    with closing(HTTPConnection("127.0.0.1", host.port, timeout=60)) as connection:
        connection.request("POST", "/guardrail/abc/version/1/apply", b"{}")
        assert connection.getresponse().status == 403
    with host.client("comprehend") as client, pytest.raises(client.exceptions.ClientError) as fault:
        client.detect_sentiment(Text="x", LanguageCode="en")
    assert fault.value.response["Error"]["Code"] == "UnknownOperationException"


FAULTS: list[tuple[str, type[BatchwrightError]]] = [
    ("throttle", Throttled),
    ("500", ServiceFault),
    ("503", Unavailable),
    ("400", RecordInvalid),
    ("403", AccessDenied),
    ("404", FilterBroken),
    ("cut", TimedOut),
]


@pytest.mark.parametrize(("do", "kind"), FAULTS)
@pytest.mark.parametrize("api", ["ApplyGuardrail", "DetectPiiEntities"])
async def test_a_refusal_is_told_by_its_kind_and_in_our_words(
    host: RunningHost, api: str, do: str, kind: type[BatchwrightError]
) -> None:
    host.behave(faults=[{"api": api, "do": do, "times": 1}])
    with host.client() as bedrock, host.client("comprehend") as client:
        guardrails, comprehend = (
            BedrockGuardrails(lambda: bedrock),
            AmazonComprehend(lambda: client),
        )
        asking: Callable[[], Any] = {
            "ApplyGuardrail": lambda: applied(guardrails, *guarded(TEXT)),
            "DetectPiiEntities": lambda: comprehend.personal(TEXT, "en"),
        }[api]
        with pytest.raises(kind) as fault:
            await asking()
        guardrails.close()
        comprehend.close()
    assert "a@b.example" not in str(fault.value)
    assert len(host.calls()) == 1, "asking again is the queue's"


async def test_a_service_that_hangs_is_given_up(host: RunningHost) -> None:
    host.behave(faults=[{"api": "ApplyGuardrail", "do": "hang"}])
    with host.client(read_timeout=2) as client:
        guardrails = BedrockGuardrails(lambda: client)
        with pytest.raises(TimedOut):
            await applied(guardrails, *guarded("hello"))
        guardrails.close()


async def test_a_service_that_is_not_there_is_unavailable() -> None:
    with running("echo") as gone:
        pass
    with gone.client() as client:
        guardrails = BedrockGuardrails(lambda: client)
        with pytest.raises(Unavailable):
            await applied(guardrails, *guarded("hello"))
        guardrails.close()


async def test_the_client_is_made_once_for_many_calls(host: RunningHost) -> None:
    made = []
    with host.client(max_pool_connections=16) as client:

        def make() -> Any:
            made.append(client)
            return client

        guardrails = BedrockGuardrails(make)
        assert made == []
        await asyncio.gather(*(applied(guardrails, *guarded("hello")) for _ in range(40)))
        guardrails.close()
    assert len(made) == 1


def test_a_client_asks_once_and_waits_as_long_as_is_said() -> None:
    config: Any = once(7.5)
    assert config.retries["total_max_attempts"] == 1
    assert config.read_timeout == 7.5


# ---- functions: Lambda's answers as botocore gives them; the system tests invoke real ones -------


class Reply:
    """Lambda's client, which always answers the same."""

    def __init__(self, payload: bytes, error: str | None = None) -> None:
        self.payload = payload
        self.error = error
        self.asked: list[dict[str, Any]] = []

    def invoke(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        told = {"StatusCode": 200, "Payload": self}
        return told | ({"FunctionError": self.error} if self.error else {})

    def read(self) -> bytes:
        return self.payload


async def test_a_function_is_invoked_and_its_answer_returned() -> None:
    client, waits = Reply(b'{"findings": []}'), list[float]()

    def make(seconds: float) -> Any:
        waits.append(seconds)
        return client

    functions = LambdaFunctions(make)
    for _ in range(2):
        assert await functions.invoke("arn", b"{}", timeout=60) == b'{"findings": []}'
    await functions.invoke("arn", b"{}", timeout=9)
    functions.close()
    assert waits == [61, 10]
    assert client.asked[0] == {
        "FunctionName": "arn",
        "InvocationType": "RequestResponse",
        "Payload": b"{}",
    }


async def test_what_a_function_raised_is_not_told() -> None:
    client = Reply(b'{"errorMessage": "a secret"}', "Unhandled")
    functions = LambdaFunctions(lambda _: client)
    with pytest.raises(ServiceFault) as fault:
        await functions.invoke("arn", b"{}", timeout=60)
    functions.close()
    assert "secret" not in str(fault.value)
