import gzip
import itertools
import json
from collections.abc import Callable

import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwright.job import JobRow, Status
from batchwright.lines import LONGEST_LINE
from batchwright.places import checkpoint_key, plan_key, problems_key
from tests.fakes import MODEL
from tests.laptop import Laptop, chat_file, chat_line, converse_line, jsonl

DEEP: dict[str, object] = {}
for _ in range(300):
    DEEP = {"a": DEEP}
TABLE = f"name: tags\nroutes: [{{model: '{MODEL}'}}]\nprompt: {{user: '{{{{ text }}}}'}}\n"


@pytest.fixture
def laptop() -> Laptop:
    return Laptop()


def test_the_plan_cuts_the_file_into_byte_ranges_without_a_gap(laptop: Laptop) -> None:
    content = chat_file(25)
    job_id = laptop.drop(content)

    answer = laptop.plan(job_id)

    assert answer == {
        "state": "done",
        "lane": "on_demand",
        "plan": {"bucket": "box", "key": plan_key(job_id)},
        "max_concurrency": 4,
        "join": 0,
    }
    chunks = laptop.chunks(job_id)
    assert [chunk.records for chunk in chunks] == [10, 7, 8], "the last two share what is left"
    assert [chunk.first_index for chunk in chunks] == [0, 10, 17]
    assert [chunk.first_line for chunk in chunks] == [1, 11, 18]
    pieces = [content[chunk.span.start : chunk.span.end] for chunk in chunks]
    assert b"".join(pieces) == content


def test_what_travels_is_small_and_holds_no_record(laptop: Laptop) -> None:
    job_id = laptop.drop(jsonl([chat_line(f"canary-{n}", "canary") for n in range(30)]))

    answer = laptop.plan(job_id)

    plan_lines = laptop.objects.lines(plan_key(job_id))
    assert len(json.dumps(answer)) < 400
    assert all(len(line) < 400 for line in plan_lines)
    assert b"canary" not in b"".join(plan_lines)


def test_the_row_says_what_the_job_may_cost_before_anything_is_asked(laptop: Laptop) -> None:
    job_id = laptop.drop(jsonl([chat_line("a", "x" * 400, max_tokens=50)]))

    laptop.plan(job_id)

    row = laptop.row(job_id)
    assert (row.status, row.total, row.chunks) == (Status.RUNNING, 1, 1)
    assert row.estimate == {
        "input_tokens": 100,
        "max_output_tokens": 50,
        "max_cost_usd": pytest.approx(100 * 0.06e-6 + 50 * 0.24e-6),
    }


def test_bad_lines_are_told_with_their_numbers_and_the_good_ones_run(laptop: Laptop) -> None:
    content = b"\n".join(
        [
            b"",
            jsonl([chat_line("a", "fine")]).strip(),
            b"{broken",
            jsonl([chat_line("b", "fine", n=3)]).strip(),
            b"   ",
            jsonl([chat_line("a", "the same id")]).strip(),
            jsonl([chat_line("c", "fine", model="us.meta.llama3-3-70b-instruct-v1:0")]).strip(),
            jsonl([chat_line("d", "fine")]).strip(),
        ]
    )
    job_id = laptop.drop(content)

    assert laptop.plan(job_id)["state"] == "done"

    told = [
        (each["line"], each["record_id"], each["code"], each["param"])
        for each in laptop.problems(job_id)
    ]
    assert told == [
        (3, None, "invalid_json_line", None),
        (4, "b", "invalid_request", "body.n"),
        (6, "a", "duplicate_custom_id", "custom_id"),
        (7, "c", "model_not_found", "model"),
    ]
    assert "lines 2 and 6" in laptop.problems(job_id)[2]["message"]
    assert laptop.row(job_id).total == 6
    assert laptop.row(job_id).problems == 4


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"", "empty_file", None),
        (b"\n \r\n\n", "empty_file", None),
        (b"\xef\xbb\xbf", "empty_file", None),
        (b"{broken\n{also broken\n", "invalid_json_line", 1),
        (b"hello world\n", "unknown_dialect", 1),
        (b'\n{"a": 1}\n', "unknown_dialect", 2),
        ("id,text\n".encode("utf-16"), "unsupported_encoding", 1),
        (jsonl([chat_line("a", "x", n=2), chat_line("b", "x", n=2)]), "no_valid_record", None),
    ],
)
def test_a_file_that_may_not_run_is_refused_before_any_call(
    laptop: Laptop, content: bytes, code: str, line: int | None
) -> None:
    row = laptop.run(content)

    assert row.status is Status.FAILED
    assert row.reason is not None
    assert (row.reason.code, row.reason.line) == (code, line)
    assert row.counts()["total"] == 0
    assert laptop.problems(row.job_id)[-1]["code"] == code
    assert laptop.engine.calls == []  # type: ignore[attr-defined]
    assert row.results is not None
    assert set(row.results) == {"problems", "receipt", "report", "seal"}
    assert json.loads(laptop.objects.read(row.results["receipt"]))["reason"]["code"] == code


PRICELESS = "amazon.nova-next-v1:0"


def under_a_budget(laptop: Laptop, *models: str, budget: str = "budget: {usd: 5}\n") -> JobRow:
    """Run a file that asks each of the models once."""
    laptop.models = (MODEL, PRICELESS)
    named = ", ".join(f"'{model}': '{model}'" for model in models)
    contract = f"name: frugal\nroutes: [{{model: '{MODEL}'}}]\nmodels: {{{named}}}\n{budget}"
    laptop.put_contract("frugal", contract)
    lines = [chat_line(model, "hello", model=model) for model in models]
    laptop.drop(jsonl(lines), "inbox/frugal/file.jsonl")
    (job_id,) = laptop.jobs.rows
    if laptop.plan(job_id)["state"] == "refused":
        laptop.close(job_id)
    return laptop.row(job_id)


def test_a_budget_over_a_model_without_a_price_refuses_the_file(laptop: Laptop) -> None:
    row = under_a_budget(laptop, MODEL, PRICELESS)

    assert row.status is Status.FAILED
    assert row.reason is not None
    assert row.reason.code == "price_unknown"
    assert PRICELESS in row.reason.message
    assert "take the budget out" in row.reason.message
    assert laptop.problems(row.job_id)[-1]["code"] == "price_unknown"
    assert plan_key(row.job_id) not in set(laptop.objects.keys(""))
    assert laptop.engine.calls == []  # type: ignore[attr-defined]


def test_a_budget_over_models_with_prices_runs(laptop: Laptop) -> None:
    assert under_a_budget(laptop, MODEL).status is Status.RUNNING


def test_without_a_budget_nobody_needs_to_know_the_price(laptop: Laptop) -> None:
    row = under_a_budget(laptop, PRICELESS, budget="")

    assert row.status is Status.RUNNING
    assert row.estimate is not None
    assert row.estimate["max_cost_usd"] is None


def test_a_refused_plan_leaves_no_plan(laptop: Laptop) -> None:
    job_id = laptop.drop(jsonl([chat_line("a", "x", n=2)] * 30))

    assert laptop.plan(job_id) == {"state": "refused", "reason": "no_valid_record"}
    assert plan_key(job_id) not in set(laptop.objects.keys(""))
    assert len(laptop.objects.lines(problems_key(job_id))) == 31


@pytest.mark.parametrize("broken", [b"{broken", b"garbage", b"[1]", b'{"x": 1}', b'{"x": "\0"}'])
def test_a_broken_first_line_does_not_hide_the_dialect(laptop: Laptop, broken: bytes) -> None:
    row = laptop.run(broken + b"\n" + chat_file(2))

    assert row.counts() == {
        "total": 3,
        "succeeded": 2,
        "failed": 1,
        "blocked": 0,
        "review": 0,
        "expired": 0,
        "cancelled": 0,
        "pending": 0,
    }


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32-le"])
def test_a_file_in_another_encoding_is_refused_and_told_so(laptop: Laptop, encoding: str) -> None:
    laptop.put_contract("tags", TABLE)
    content = chat_file(3).decode().encode(encoding)

    for key in ("inbox/a.jsonl", "inbox/tags/a.jsonl"):
        reason = laptop.run(content, key).reason
        assert reason is not None
        assert (reason.code, reason.line) == ("unsupported_encoding", 1)


def test_a_line_too_long_to_be_read_fails_alone_and_is_never_fetched(laptop: Laptop) -> None:
    long = jsonl([chat_line("long", "x" * LONGEST_LINE)])

    row = laptop.run(chat_file(2) + long + chat_file(5).split(b"\n", 2)[2])

    assert row.counts()["succeeded"] == 5
    (failed,) = laptop.results(row.job_id, "errors.jsonl")
    assert (failed["error"]["code"], failed["error"]["line"]) == ("line_too_long", 3)
    spans = [chunk.span.end - chunk.span.start for chunk in laptop.chunks(row.job_id)]
    assert max(spans) < 1000


@pytest.mark.parametrize(
    "odd",
    [
        {"additionalModelRequestFields": DEEP},
        {"additionalModelRequestFields": {"a": 2**70}},
        {"system": [{"text": 5}]},
        {"messages": 5},
        {"inferenceConfig": {"maxTokens": 2**64 - 1}},
        {"outputConfig": {"a": "\x00"}},
    ],
    ids=["deep", "large number", "number as text", "no list", "no limit", "odd characters"],
)
def test_no_odd_record_stops_the_others(laptop: Laptop, odd: dict[str, object]) -> None:
    lines = [converse_line("a", "fine"), converse_line("odd", "x", **odd), converse_line("b", "b")]

    row = laptop.run(jsonl(lines))

    assert row.status is Status.COMPLETED
    assert row.counts()["succeeded"] >= 2
    assert len(laptop.results(row.job_id, "outcomes.jsonl")) == 3


def test_a_strict_contract_refuses_the_file_for_one_bad_line(laptop: Laptop) -> None:
    laptop.put_contract(
        "strict",
        f"name: strict\nroutes: [{{model: '{MODEL}'}}]\nstrict: true\nmodels: {{'*': '{MODEL}'}}\n",
    )

    row = laptop.run(chat_file(3) + b"{broken\n", "inbox/strict/a.jsonl")

    assert row.reason is not None
    assert row.reason.code == "strict"


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("final", [True, False])
def test_every_way_to_end_a_line_and_to_begin_a_file_is_read(
    laptop: Laptop, end: bytes, mark: bytes, final: bool
) -> None:
    content = mark + end.join(chat_file(23).splitlines()) + (end if final else b"")

    row = laptop.run(content)

    assert row.counts()["succeeded"] == 23


def test_a_table_is_cut_at_its_rows(laptop: Laptop) -> None:
    laptop.put_contract("tags", TABLE)
    rows = "".join(f'{n},"text {n}\nwith ""quotes"", and more"\r\n' for n in range(25))

    row = laptop.run(f"id,text\r\n{rows}".encode(), "inbox/tags/a.csv")

    assert row.counts()["succeeded"] == 25
    output = laptop.results(row.job_id, "output.jsonl")
    assert output[24]["row"] == {"id": "24", "text": 'text 24\nwith "quotes", and more'}
    assert output[24]["output"] == 'text 24\nwith "quotes", and more'


@pytest.mark.parametrize("dialect", [None, "csv", "tsv"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_header_may_hold_line_ends_in_its_quotes(
    laptop: Laptop, dialect: str | None, end: str
) -> None:
    laptop.put_contract("tags", TABLE)
    lines = ['"number', '(ours)",id,"price', 'in EUR",text', "7,a,1.50,mug", "8,b,2,cup"]
    content = end.join(lines).replace(",", "\t" if dialect == "tsv" else ",").encode()
    laptop.objects.write("uploads/a.csv", content)

    row = laptop.finish(
        laptop.say({"input": "s3://box/uploads/a.csv", "contract": "tags", "dialect": dialect})
    )

    assert row.counts()["succeeded"] == 2
    first, second = laptop.results(row.job_id, "output.jsonl")
    assert first["row"] == {
        "number\n(ours)": "7",
        "id": "a",
        "price\nin EUR": "1.50",
        "text": "mug",
    }
    assert second["output"] == "cup"


def test_a_table_between_tabs_may_have_line_ends_in_its_header(laptop: Laptop) -> None:
    laptop.put_contract("tags", TABLE)

    row = laptop.run(b'id\t"price\nin EUR"\ttext\na\t2\tmug\n', "inbox/tags/a.csv")

    (line,) = laptop.results(row.job_id, "output.jsonl")
    assert line["row"] == {"id": "a", "price\nin EUR": "2", "text": "mug"}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'id,"text\nid,text\n1,x\n', "invalid_header"),
        (b'id,"words\nor",more\nid,text\n1,x\n', "missing_column"),
        (b"id,\xff\nid,text\n1,x\n", "invalid_header"),
    ],
)
def test_no_later_line_is_taken_for_the_header(laptop: Laptop, content: bytes, code: str) -> None:
    laptop.put_contract("tags", TABLE)

    row = laptop.run(content, "inbox/tags/a.csv")

    assert row.reason is not None
    assert (row.reason.code, row.reason.line) == (code, 1)


@pytest.mark.parametrize("content", [b'[{"text": "x"}]', b'[\n{"text": "x"},\n{"text": "y"}\n]\n'])
def test_a_list_in_json_is_told_to_be_none_of_rows(laptop: Laptop, content: bytes) -> None:
    laptop.put_contract("tags", TABLE)

    row = laptop.run(content, "inbox/tags/a.json")

    assert row.reason is not None
    assert "an object a line" in row.reason.message


def test_a_table_without_rows_or_with_a_missing_column_is_refused(laptop: Laptop) -> None:
    laptop.put_contract("tags", TABLE)

    empty = laptop.run(b"id,text\n", "inbox/tags/a.csv")
    missing = laptop.run(b"id,words\n1,x\n", "inbox/tags/b.csv")

    assert empty.reason is not None
    assert empty.reason.code == "empty_file"
    assert missing.reason is not None
    assert missing.reason.code == "missing_column"
    assert "'text'" in missing.reason.message


def test_a_file_that_is_gone_when_it_is_planned_is_refused(laptop: Laptop) -> None:
    job_id = laptop.drop(chat_file(1))
    laptop.objects.versions["inbox/file.jsonl"] = [None]

    assert laptop.plan(job_id) == {"state": "refused", "reason": "input_missing"}


def test_planning_twice_gives_the_same_plan(laptop: Laptop) -> None:
    job_id = laptop.drop(chat_file(25))
    laptop.plan(job_id)
    first = laptop.objects.read(plan_key(job_id))

    laptop.plan(job_id)

    assert laptop.objects.read(plan_key(job_id)) == first


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1),
    chunk_records=st.integers(1, 7),
    end=st.sampled_from(["\n", "\r\n", "\n\n"]),
    final=st.booleans(),
)
def test_cutting_any_file_at_any_size_yields_every_record_once(
    texts: list[str], chunk_records: int, end: str, final: bool
) -> None:
    laptop = Laptop(chunk_records=chunk_records)
    lines = [
        json.dumps(converse_line(f"r{n}", f"x{text}"), ensure_ascii=False)
        for n, text in enumerate(texts)
    ]

    row = laptop.run((end.join(lines) + (end if final else "")).encode())

    assert row.counts()["succeeded"] == len(texts)
    answers = laptop.results(row.job_id, "output.jsonl")
    assert [answer["recordId"] for answer in answers] == [f"r{n}" for n in range(len(texts))]


def runs_out_after(looks: int) -> Callable[[], float]:
    """Return a clock of a run that has time for so many looks at it."""
    left = iter([900.0] * (looks + 1))
    return lambda: next(left, 0.0)


@settings(max_examples=40, deadline=None)
@given(
    texts=st.lists(st.sampled_from(["short", "long " * 150, ""]), min_size=1, max_size=25),
    twice=st.booleans(),
    pack=st.sampled_from([bytes, gzip.compress, zstd.compress]),
    looks=st.lists(st.integers(1, 3), min_size=1, max_size=8),
)
def test_planning_in_any_number_of_runs_gives_the_same_plan(
    texts: list[str], twice: bool, pack: Callable[[bytes], bytes], looks: list[int]
) -> None:
    records = [
        chat_line(f"r{0 if twice and n == len(texts) - 1 else n}", text)
        for n, text in enumerate(texts)
    ]
    content = pack(jsonl(records))
    whole, pieces = Laptop(chunk_records=3), Laptop(chunk_records=3)
    job_id = whole.drop(content)
    assert pieces.drop(content) == job_id
    answer = whole.plan(job_id)

    turns = itertools.cycle(looks)
    runs = 0
    while (answer_in_pieces := pieces.plan(job_id, runs_out_after(next(turns)))) == {
        "state": "more"
    }:
        runs += 1
        assert runs < 200

    assert answer_in_pieces == answer
    assert pieces.row(job_id) == whole.row(job_id)
    assert pieces.problems(job_id) == whole.problems(job_id)
    if answer["state"] == "done":
        assert pieces.objects.read(plan_key(job_id)) == whole.objects.read(plan_key(job_id))
    assert pieces.objects.uploads == {}


def test_a_run_that_is_made_again_from_its_checkpoint_changes_nothing(laptop: Laptop) -> None:
    content = jsonl([chat_line(f"r{n % 40}", "long " * 100) for n in range(50)])
    job_id = laptop.drop(content)
    assert laptop.plan(job_id, runs_out_after(1)) == {"state": "more"}
    checkpoint = laptop.objects.read(checkpoint_key(job_id, "plan"))
    first = [laptop.plan(job_id), laptop.objects.read(plan_key(job_id)), laptop.row(job_id)]

    laptop.objects.write(checkpoint_key(job_id, "plan"), checkpoint)
    again = [laptop.plan(job_id), laptop.objects.read(plan_key(job_id)), laptop.row(job_id)]

    assert again == first
    assert len(laptop.problems(job_id)) == 10


def test_a_checkpoint_of_another_version_is_as_good_as_none(laptop: Laptop) -> None:
    job_id = laptop.drop(chat_file(5))
    laptop.objects.write(checkpoint_key(job_id, "plan"), b'{"reading": {"line": "one"}}')

    assert laptop.plan(job_id)["state"] == "done"
    assert laptop.row(job_id).total == 5


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress], ids=["gzip", "zstd"])
def test_a_compressed_file_runs_like_the_file_that_it_holds(
    laptop: Laptop, pack: Callable[[bytes], bytes]
) -> None:
    row = laptop.run(pack(chat_file(23)), "inbox/whatever.bin")

    assert row.counts()["succeeded"] == 23
    assert row.reason is None


def test_a_bomb_is_refused_before_any_call(laptop: Laptop) -> None:
    row = laptop.run(gzip.compress(b"x" * 100_000_000), "inbox/file.jsonl.gz")

    assert row.reason is not None
    assert row.reason.code == "too_large"
    assert laptop.problems(row.job_id)[-1]["code"] == "too_large"
    assert laptop.objects.uploads == {}


def test_ids_that_occur_again_and_again_are_each_told_with_the_first_line(laptop: Laptop) -> None:
    job_id = laptop.drop(jsonl([chat_line(f"r{n % 3}", "x") for n in range(9)]))

    laptop.plan(job_id)

    told = [(each["line"], each["message"].split(" have")[0]) for each in laptop.problems(job_id)]
    assert told == [
        (4, "lines 1 and 4"),
        (5, "lines 2 and 5"),
        (6, "lines 3 and 6"),
        (7, "lines 1 and 7"),
        (8, "lines 2 and 8"),
        (9, "lines 3 and 9"),
    ]


def test_a_file_whose_ids_repeat_without_end_is_refused_with_the_first_of_them(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchwright.firstplan.MOST_SUSPECTS", 5)
    row = laptop.run(jsonl([chat_line(f"r{n % 20}", "x") for n in range(40)]))

    assert row.reason is not None
    assert row.reason.code == "duplicate_custom_id"
    assert len(laptop.problems(row.job_id)) == 7
