"""Which beginnings of prompts can be marked, and what a mark looks like."""

from copy import deepcopy
from typing import Any

import pytest

from batchwright.marking import is_marked, lasts_an_hour, marked, prefix_of
from batchwright.prices import price_table
from batchwright.promptcaches import cache_table, prompt_cache_of
from batchwright.request import Request

SAYS = [{"role": "user", "content": [{"text": "hello"}]}]
POINT = {"cachePoint": {"type": "default"}}
HOUR = {"cachePoint": {"type": "default", "ttl": "1h"}}


def converse(*system: dict[str, Any], **body: Any) -> Request:
    return Request({"messages": SAYS, "system": [*system], **body})


def claude(system: Any, **body: Any) -> Request:
    return Request({"messages": SAYS, "system": system, **body}, "anthropic")


def test_the_table_names_its_sources_its_day_and_only_models_that_have_a_price() -> None:
    table = cache_table()

    assert table["source"].startswith("https://docs.aws.amazon.com/bedrock/")
    assert table["prices"]["source"].startswith("https://aws.amazon.com/bedrock/pricing")
    assert table["as_of"] >= "2025-12-01"
    assert {*table["checked"]["still_so"]} <= table["models"].keys() <= price_table().keys()
    for model in table["models"]:
        kept = prompt_cache_of(model)
        assert kept is not None
        assert 0 < kept.read < 1 <= kept.write
        assert kept.least >= 1000


def test_converse_is_marked_behind_the_system_prompt() -> None:
    request = converse({"text": "Be short."}, {"text": "Be kind."})
    before = deepcopy(request.body)

    assert marked(request).body["system"] == [{"text": "Be short."}, {"text": "Be kind."}, POINT]
    assert request.body == before, "the digest was taken of it"


@pytest.mark.parametrize("system", ["Be short.", [{"type": "text", "text": "Be short."}]])
def test_claudes_own_body_is_marked_at_its_last_block(system: Any) -> None:
    control = {"type": "ephemeral"}
    block = {"type": "text", "text": "Be short.", "cache_control": control}

    assert marked(claude(system)).body["system"] == [block]


@pytest.mark.parametrize(
    "request_",
    [
        converse(),
        Request({"messages": SAYS}),
        converse({"text": "a"}, {"guardContent": {"text": {"text": "b"}}}),
        claude(""),
        Request({"system": [{"text": "a"}], "messages": SAYS}, "nova"),
        Request({"prompt": "hello"}, "llama"),
        Request({"inputText": "hello"}, "titan_embed"),
    ],
)
def test_what_has_no_plain_system_prompt_has_no_beginning_to_keep(request_: Request) -> None:
    assert prefix_of(request_) is None


def test_two_requests_share_a_beginning_if_tools_and_system_are_the_same() -> None:
    one = prefix_of(converse({"text": "a"}, messages=[]))
    other = prefix_of(converse({"text": "a"}))
    tools = prefix_of(converse({"text": "a"}, toolConfig={"tools": [{"toolSpec": {"name": "t"}}]}))

    assert one is not None
    assert one == other
    assert tools is not None
    assert tools.key != one.key
    assert tools.tokens > one.tokens


@pytest.mark.parametrize(
    ("request_", "own", "hour"),
    [
        (converse({"text": "a"}), False, False),
        (converse({"text": "a"}, POINT), True, False),
        (converse({"text": "a"}, HOUR), True, True),
        (converse({"text": "a"}, toolConfig={"tools": [POINT]}), True, False),
        (converse({"text": "a"}, messages=[{"role": "user", "content": [POINT]}]), True, False),
        (claude([{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]), True, False),
        (claude("a", cache_control={"type": "ephemeral", "ttl": "1h"}), True, True),
        (converse({"text": "cachePoint"}), False, False),
    ],
)  # fmt: skip
def test_marks_of_the_users_own_are_seen(request_: Request, own: bool, hour: bool) -> None:
    assert (is_marked(request_), lasts_an_hour(request_)) == (own, hour)
