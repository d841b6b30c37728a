"""The quotas of an account, as boto3 reads them from a server that answers as Service Quotas does, page by page."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

import boto3
import pytest

from batchwright.aws.servicequotas import AGAIN, BRIEF, FRESH, LONGEST, ServiceQuotas
from tests.loopback import Answer, answering

LITE, MICRO = "amazon.nova-lite-v1:0", "amazon.nova-micro-v1:0"
NAME = "On-demand model inference tokens per minute for Amazon Nova"
PAGES = [
    [(f"{NAME} Lite", 2_000_000.0), ("Batch inference job size (in GB) for Nova Lite V1", 5.0)],
    [(f"{NAME} Micro", 70_000.0)],
]


@dataclass
class Listed:
    """What the service answers, and what it was asked."""

    url: str = ""
    refusal: str | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, question: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.asked.append(question)
        if self.refusal is not None:
            return 400, {"__type": self.refusal, "Message": "not you"}
        place = int(question.get("NextToken", "0"))
        quotas = [{"QuotaName": name, "Value": value} for name, value in PAGES[place]]
        more = {"NextToken": str(place + 1)} if place + 1 < len(PAGES) else {}
        return 200, {"Quotas": quotas, **more}


@pytest.fixture
def listed() -> Iterator[Listed]:
    service = Listed()

    def told(headers: Message, asked: bytes) -> Answer:
        assert headers["X-Amz-Target"] == "ServiceQuotasV20190624.ListServiceQuotas"
        status, said = service.answer(json.loads(asked))
        return Answer(status, "application/x-amz-json-1.1", json.dumps(said).encode())

    with answering(told) as service.url:
        yield service


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def account(url: str, clock: Clock | None = None) -> ServiceQuotas:
    def client() -> Any:
        return boto3.client(
            "service-quotas",
            config=BRIEF,
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    return ServiceQuotas(client, seconds=clock or Clock())


def test_a_model_has_what_the_account_is_granted_on_whichever_page_it_stands(
    listed: Listed,
) -> None:
    ours = account(listed.url)

    assert ours.tokens_a_minute(LITE) == 2_000_000
    assert ours.tokens_a_minute(MICRO) == 70_000
    assert ours.tokens_a_minute("somebody.new") is None
    assert [each["ServiceCode"] for each in listed.asked] == ["bedrock"] * 2


def test_the_list_is_read_again_after_an_hour(listed: Listed) -> None:
    clock = Clock()
    ours = account(listed.url, clock)
    ours.tokens_a_minute(LITE)

    clock.now += FRESH - 1
    ours.tokens_a_minute(LITE)
    assert len(listed.asked) == 2

    clock.now += 2
    ours.tokens_a_minute(LITE)
    assert len(listed.asked) == 4


@pytest.mark.parametrize("refusal", ["AccessDeniedException", "TooManyRequestsException"])
def test_without_the_right_to_ask_nothing_is_known_and_nothing_fails(
    listed: Listed, refusal: str
) -> None:
    listed.refusal = refusal
    clock = Clock()
    ours = account(listed.url, clock)

    assert ours.tokens_a_minute(LITE) is None
    assert ours.tokens_a_minute(MICRO) is None
    assert len(listed.asked) == 1

    listed.refusal = None
    clock.now += AGAIN
    assert ours.tokens_a_minute(LITE) == 2_000_000


def test_a_service_that_cannot_be_reached_is_none() -> None:
    assert account("http://127.0.0.1:9").tokens_a_minute(LITE) is None


def test_what_takes_long_is_left_and_what_was_read_counts(listed: Listed) -> None:
    class Slow(Clock):
        def __call__(self) -> float:
            self.now += LONGEST
            return self.now

    ours = account(listed.url, Slow())

    assert ours.tokens_a_minute(LITE) == 2_000_000
    assert len(listed.asked) == 1
