"""Whole jobs whose contracts have filters: what is released, what is not, and where the rest lies."""

import json
from base64 import b64encode
from typing import Any

import pytest

from batchwright.digest import digest
from batchwright.errors import Unavailable
from batchwright.places import CACHE, QUARANTINE, held_key
from tests.fakes import MODEL, MemoryObjects, ScriptedEngine
from tests.laptop import Laptop, chat_line, jsonl

LONG = "a long text that nobody should see " * 3


def laptop_with(filters: str, more: str = "", **world: Any) -> Laptop:
    laptop = Laptop(**world)
    laptop.put_contract(
        "looked",
        f"""
name: looked
routes: [{{model: "{MODEL}", max_tokens: 100, temperature: 0}}]
models: {{"*": "{MODEL}"}}
filters: {filters}
{more}
""",
    )
    return laptop


def run(laptop: Laptop, *texts: str) -> str:
    lines = [chat_line(f"r{number}", text) for number, text in enumerate(texts)]
    return laptop.run(jsonl(lines), "inbox/looked/file.jsonl").job_id


def outcomes(laptop: Laptop, job_id: str) -> list[dict[str, Any]]:
    return laptop.results(job_id, "outcomes.jsonl")


def held(laptop: Laptop, job_id: str, outcome: dict[str, Any]) -> dict[str, Any]:
    content = laptop.objects.read(held_key(job_id, outcome["index"], outcome["held"]))
    assert digest(content) == outcome["held"]
    found: dict[str, Any] = json.loads(content)
    return found


def released(laptop: Laptop) -> str:
    """Return all that lies where users read."""
    keys = [
        *laptop.objects.keys("results/"),
        *laptop.objects.keys("jobs/"),
        *laptop.objects.keys(CACHE),
    ]
    assert keys
    return "".join(laptop.objects.read(key).decode(errors="replace") for key in keys)


def test_a_blocked_answer_lies_in_the_quarantine_and_nowhere_else() -> None:
    laptop = laptop_with("{output: [{length: {max_chars: 20, then: block}}]}")
    job_id = run(laptop, "short", LONG)
    short, long = outcomes(laptop, job_id)
    assert (short["status"], short["verdict"], short["held"]) == ("succeeded", "pass", None)
    assert (long["status"], long["verdict"]) == ("blocked", "block")
    assert long["error"] == {
        "code": "blocked",
        "message": "the answer was blocked by the contract's filters: length (too_long)",
        "param": None,
    }
    assert [(each["filter"], each["kind"], each["verdict"]) for each in long["findings"]] == [
        ("length", "too_long", "block")
    ]
    kept = held(laptop, job_id, long)
    assert kept["answered"] == [LONG]
    assert kept["asked"] == [LONG]
    assert kept["answer"]["response"]["body"]["choices"][0]["message"]["content"] == LONG
    assert LONG not in released(laptop)


def test_an_answer_for_review_is_held_and_counted() -> None:
    laptop = laptop_with("{output: [{length: {max_chars: 20, then: review}}]}")
    job_id = run(laptop, LONG)
    (outcome,) = outcomes(laptop, job_id)
    assert (outcome["status"], outcome["error"]["code"]) == ("review", "held_for_review")
    assert laptop.row(job_id).counts()["review"] == 1
    assert held(laptop, job_id, outcome)["verdict"] == "review"


def test_a_blocked_request_is_never_asked() -> None:
    engine = ScriptedEngine()
    laptop = laptop_with("{input: [{length: {max_chars: 20, then: block}}]}", engine=engine)
    job_id = run(laptop, "short", LONG)
    short, long = outcomes(laptop, job_id)
    assert (short["status"], long["status"]) == ("succeeded", "blocked")
    assert (long["attempts"], long["usage"]["output_tokens"], long["cost_usd"]) == (0, 0, 0.0)
    assert long["request_digest"]
    assert len(engine.calls) == 1
    assert held(laptop, job_id, long)["answer"] is None


PLAIN = {"type": "text", "media_type": "text/plain", "data": LONG}
IN_BASE64 = f"data:text/plain;base64,{b64encode(LONG.encode()).decode()}"
WITH_DOCUMENTS = {
    "anthropic": {
        "custom_id": "a",
        "params": {
            "model": "m",
            "max_tokens": 5,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "document", "source": PLAIN},
                        {"type": "text", "text": "What is it?"},
                    ],
                }
            ],
        },
    },
    "openai": chat_line(
        "a",
        "",
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "file", "file": {"file_data": IN_BASE64, "filename": "a.txt"}},
                    {"type": "text", "text": "What is it?"},
                ],
            }
        ],
    ),
    "gemini": {
        "key": "a",
        "request": {
            "contents": [
                {
                    "parts": [
                        {
                            "inlineData": {
                                "mimeType": "text/plain",
                                "data": b64encode(LONG.encode()).decode(),
                            }
                        },
                        {"text": "What is it?"},
                    ]
                }
            ]
        },
    },
}


@pytest.mark.parametrize("dialect", WITH_DOCUMENTS)
def test_a_request_is_blocked_for_what_stands_in_a_document_of_it(dialect: str) -> None:
    engine = ScriptedEngine()
    filters = "{input: [{terms: {words: [nobody], then: block}}]}"
    laptop = laptop_with(filters, engine=engine)

    row = laptop.run(jsonl([WITH_DOCUMENTS[dialect]]), "inbox/looked/file.jsonl")

    (outcome,) = outcomes(laptop, row.job_id)
    assert (outcome["status"], engine.calls) == ("blocked", [])


def test_a_noted_finding_changes_nothing() -> None:
    laptop = laptop_with("{output: [{length: {max_chars: 2, then: pass}}]}")
    job_id = run(laptop, LONG)
    (outcome,) = outcomes(laptop, job_id)
    assert (outcome["status"], outcome["verdict"]) == ("succeeded", "pass")
    assert [each["kind"] for each in outcome["findings"]] == ["too_long"]
    assert not [*laptop.objects.keys(QUARANTINE)]


def test_without_filters_nothing_is_said_about_them() -> None:
    laptop = laptop_with("{}")
    (outcome,) = outcomes(laptop, run(laptop, LONG))
    assert (outcome["verdict"], outcome["findings"], outcome["held"]) == (None, [], None)


def test_what_is_withheld_is_not_kept_for_others() -> None:
    filters = "{output: [{length: {max_chars: 20, then: review}}]}"
    laptop = laptop_with(filters, "cache: {exact: 7d}")
    run(laptop, "short", LONG)
    assert len([*laptop.objects.keys(CACHE)]) == 1
    assert LONG not in released(laptop)


def test_nothing_is_settled_before_the_quarantine_has_it() -> None:
    class Failing(MemoryObjects):
        faults = 2

        def write(self, key: str, content: bytes) -> None:
            if key.startswith(QUARANTINE) and self.faults:
                self.faults -= 1
                raise Unavailable("not now")
            super().write(key, content)

    objects = Failing()
    filters = "{output: [{length: {max_chars: 20, then: review}}]}"
    laptop = laptop_with(filters, objects=objects)
    job_id = run(laptop, LONG)
    (outcome,) = outcomes(laptop, job_id)
    assert held(laptop, job_id, outcome)["answered"] == [LONG]
    assert objects.faults == 0


def test_personal_data_is_asked_about_and_answered_with_by_placeholders_alone() -> None:
    engine = ScriptedEngine()
    laptop = laptop_with("{input: [{pii: redact}], output: [{pii: redact}]}", engine=engine)
    job_id = run(laptop, "ann@example.com pays with 4111 1111 1111 1111")
    (outcome,) = outcomes(laptop, job_id)
    assert (outcome["status"], outcome["verdict"]) == ("succeeded", "redact")
    assert {each["kind"] for each in outcome["findings"]} == {"email", "card"}
    assert "[EMAIL_1] pays with [CARD_1]" in str(engine.calls)
    for secret in ("ann@example.com", "4111 1111"):
        assert secret not in str(engine.calls)
        assert secret not in released(laptop)
