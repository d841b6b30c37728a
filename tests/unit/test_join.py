import json
from copy import replace

import pytest

from batchwright.completion import Completion
from batchwright.errors import ContentFiltered
from batchwright.job import Status
from batchwright.places import joined_key, plan_key, round_plan_key
from batchwright.request import Request
from tests.fakes import MODEL, ScriptedEngine, echo, texts_of
from tests.laptop import Laptop, chat_file

KEY = "inbox/summaries/handbook.md"
CONTRACT = f"""
name: summaries
routes: [{{model: "{MODEL}"}}]
prompt: {{user: "Sum up: {{{{ text }}}}"}}
document:
  tokens: 20
  join: "Join {{{{ name }}}}: {{% for part in parts %}}[{{{{ part }}}}]{{% endfor %}}"
"""
TEXT = "".join(f"Paragraph {number:02d} speaks of coffee and of milk.\n\n" for number in range(8))


def short(request: Request, call: int) -> Completion:
    """Answer with the first twelve characters behind the colon."""
    said = texts_of(request)[-1].partition(": ")[2][:12]
    return replace(echo(request, call), content=[{"text": said}])


def dropped(engine: ScriptedEngine, chunk_records: int = 3) -> tuple[Laptop, str]:
    laptop = Laptop(engine=engine, chunk_records=chunk_records)
    laptop.put_contract("summaries", CONTRACT)
    return laptop, laptop.drop(TEXT.encode(), KEY)


def test_the_answers_to_the_pieces_of_a_document_are_joined_in_a_second_pass() -> None:
    engine = ScriptedEngine(short)
    laptop, job_id = dropped(engine)

    row = laptop.finish(job_id)

    assert row.status is Status.COMPLETED
    output = laptop.results(job_id, "output.jsonl")
    *pieces, joined = output
    assert [piece["id"] for piece in pieces] == [f"handbook.md#{n}" for n in range(1, 9)]
    assert joined == {"id": "handbook.md", "part": None, "output": "[Paragraph 0"}
    asked = texts_of(engine.calls[-1])[-1]
    assert asked == "Join handbook.md: " + "".join(f"[{piece['output']}]" for piece in pieces)
    assert row.total == len(engine.calls) == row.counts()["succeeded"] == 9
    assert len(laptop.results(job_id, "outcomes.jsonl")) == 9


@pytest.mark.parametrize(
    "begin", ["{% raw %}", "{{ title }}", "{\\rtf1 x}", "\ufeff\n{braces}", "{"]
)
def test_a_document_may_begin_with_a_brace(begin: str) -> None:
    laptop = Laptop(engine=ScriptedEngine(short))
    laptop.put_contract("summaries", CONTRACT)

    row = laptop.run(f"{begin}\n{TEXT}".encode(), KEY)

    assert row.status is Status.COMPLETED
    assert laptop.results(row.job_id, "output.jsonl")[-1]["id"] == "handbook.md"


@pytest.mark.parametrize(
    "broken", [b"", b"\xef\xbb\xbf\n", b'{"custom_id": \n', b'{ "a": 1, \n', b"{}\n"]
)
def test_lines_in_json_are_no_document_although_the_first_is_broken(broken: bytes) -> None:
    laptop = Laptop()
    laptop.put_contract("summaries", CONTRACT + f"models: {{'*': '{MODEL}'}}\n")

    row = laptop.run(broken + chat_file(2), KEY)

    assert row.counts()["succeeded"] == 2


def test_answers_that_are_too_long_together_are_joined_in_more_rounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("batchwright.steps.join.JOINED_TOKENS", 9)
    laptop, job_id = dropped(ScriptedEngine(short))

    row = laptop.finish(job_id)

    ids = [line["id"] for line in laptop.results(job_id, "output.jsonl")]
    assert ids[8:] == [
        "handbook.md#join-1-1",
        "handbook.md#join-1-2",
        "handbook.md#join-1-3",
        "handbook.md",
    ]
    assert row.counts()["succeeded"] == row.total == 12


def test_a_piece_without_an_answer_is_never_left_out_of_the_join_without_a_word() -> None:
    def shy(request: Request, call: int) -> Completion:
        if "Paragraph 03" in texts_of(request)[-1]:
            raise ContentFiltered("withheld")
        return short(request, call)

    engine = ScriptedEngine(shy)
    laptop, job_id = dropped(engine)

    row = laptop.finish(job_id)

    blocked, failed = laptop.results(job_id, "errors.jsonl")
    assert blocked["id"] == "handbook.md#4"
    assert (failed["id"], failed["error"]["code"]) == ("handbook.md", "join_incomplete")
    assert row.counts() | {"total": 9, "succeeded": 7, "blocked": 1, "failed": 1} == row.counts()
    assert len(engine.calls) == 8, "nothing is asked with a part missing"


def test_a_round_that_is_planned_again_comes_out_the_same() -> None:
    laptop, job_id = dropped(ScriptedEngine(short))
    planned = laptop.plan(job_id)
    assert planned["join"] == 1
    laptop._settled(planned)

    once = laptop.join(job_id, 1)
    files = [plan_key(job_id), round_plan_key(job_id, 1), joined_key(job_id, 1)]
    first = [laptop.objects.read(key) for key in files]
    row = laptop.row(job_id)
    again = laptop.join(job_id, 1)

    assert again == once
    assert [laptop.objects.read(key) for key in files] == first
    assert laptop.row(job_id) == row
    assert row.total == 9


def test_what_travels_holds_no_answer() -> None:
    laptop, job_id = dropped(ScriptedEngine(short))
    laptop._settled(laptop.plan(job_id))

    answer = laptop.join(job_id, 1)

    assert answer["join"] == 0
    assert "Paragraph" not in json.dumps(answer)
    assert b"Paragraph" not in laptop.objects.read(answer["plan"]["key"])


def test_only_a_document_in_several_pieces_has_a_further_round() -> None:
    laptop = Laptop()
    laptop.put_contract("summaries", CONTRACT)

    one = laptop.plan(laptop.drop(b"A short note.\n", KEY))
    chat = laptop.plan(laptop.drop(chat_file(3)))

    assert (one["join"], chat["join"]) == (0, 0)
