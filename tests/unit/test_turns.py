from typing import Any

import pytest

from batchwright.dialects.turns import Turns, attached_to
from batchwright.errors import RecordInvalid


def document(name: str) -> dict[str, Any]:
    return {"document": {"format": "pdf", "name": name, "source": {"bytes": "AAAA"}}}


def test_neighbours_of_one_role_are_joined() -> None:
    turns = Turns()
    for role, text in (("user", "a"), ("user", "b"), ("assistant", "c"), ("user", "d")):
        turns.add(role, [{"text": text}])

    assert turns.body({})["messages"] == [
        {"role": "user", "content": [{"text": "a"}, {"text": "b"}]},
        {"role": "assistant", "content": [{"text": "c"}]},
        {"role": "user", "content": [{"text": "d"}]},
    ]


def test_every_document_of_a_request_has_a_name_of_its_own() -> None:
    turns = Turns()
    turns.add("user", [document("report"), document("report 2"), {"text": "Compare them."}])
    turns.add("user", [document("report"), document("report")])

    (message,) = turns.body({})["messages"]

    names = [block["document"]["name"] for block in message["content"] if "document" in block]
    assert names == ["report", "report 2", "report 3", "report 4"]


def test_only_what_was_said_is_sent() -> None:
    assert Turns().body({"maxTokens": 5, "topP": None})["inferenceConfig"] == {"maxTokens": 5}


def test_a_document_needs_a_text_in_its_turn() -> None:
    alone, beside = Turns(), Turns()
    alone.add("user", [document("report")])
    beside.add("user", [document("report")])
    beside.add("user", [{"text": "Sum it up."}])

    assert attached_to(beside.messages, "body.messages", "r") == ()
    with pytest.raises(RecordInvalid, match="needs a text") as caught:
        attached_to(alone.messages, "body.messages", "r")

    assert caught.value.param == "body.messages"
