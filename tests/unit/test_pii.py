"""The pii filter in a contract: what it takes out, what it lets be, and what it is told."""

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from batchwright.filters import FilterEntry, Means, Subject
from batchwright.filters.pii import PiiSettings
from batchwright.finding import Finding, Stage, Verdict
from batchwright.folding import Text
from batchwright.placeholders import Placeholders
from batchwright.screening import Screen, Screened
from tests.personal import Labelled, labelled

EVERY = PiiSettings()
CARD = "4111 1111 1111 1111"
EMPLOYEE = {"name": "employee_id", "pattern": r"E-\d{6}\b"}


def screened(text: str, **told: Any) -> Screened:
    settings = PiiSettings.model_validate(told)
    screen = Screen(Stage.OUTPUT, [("pii", settings)], Means())
    subject = Subject(stage=Stage.OUTPUT, texts=[Text(text)])
    return asyncio.run(screen.look(subject, Placeholders()))


def redacted(text: str, **told: Any) -> str:
    return screened(text, **told).texts.get(text, text)


def found(text: str, **told: Any) -> list[tuple[str, str]]:
    return [(each.kind, text[each.start : each.end]) for each in places(text, **told)]


def places(text: str, **told: Any) -> list[Finding]:
    subject = Subject(stage=Stage.OUTPUT, texts=[Text(text)])
    made = PiiSettings.model_validate(told).filter(Means())
    return asyncio.run(made.look(subject))


def test_a_contract_says_it_in_short() -> None:
    settings = FilterEntry.model_validate({"pii": "block"}).settings
    assert isinstance(settings, PiiSettings)
    assert settings.verdict is Verdict.BLOCK
    assert EVERY.verdict is Verdict.REDACT


def test_values_are_replaced_by_what_they_were() -> None:
    text = (
        f"Ann, ann@example.com, pays with {CARD}; call +1 415-555-2671 or write to ann@example.com."
    )
    assert redacted(text) == (
        "Ann, [EMAIL_1], pays with [CARD_1]; call [PHONE_1] or write to [EMAIL_1]."
    )


def test_one_value_has_one_number_however_it_is_written() -> None:
    text = "4111-1111-1111-1111, 4111111111111111, 5500 0000 0000 0004"
    assert redacted(text) == "[CARD_1], [CARD_1], [CARD_2]"


@pytest.mark.parametrize(
    "hidden",
    [
        "4111\u200b 1111 11\u200d11 1111",
        "\u202e4111 1111\u202c 1111 1111",
        "４１１１ １１１１ １１１１ １１１１",  # noqa: RUF001 - fullwidth digits are the point
        "4111\u00a01111\u20031111\u202f1111",
        "4111\u20111111\u20131111\u22121111",
        "4111 1111 1111 11\u00ad11",
        "𝟺𝟷𝟷𝟷 𝟷𝟷𝟷𝟷 𝟷𝟷𝟷𝟷 𝟷𝟷𝟷𝟷",  # noqa: RUF001
    ],
)
def test_what_a_reader_reads_as_a_card_is_taken_out_whole(hidden: str) -> None:
    left = redacted(f"my card: {hidden}, thanks").replace("\u202e", "").replace("\u202c", "")
    assert left == "my card: [CARD_1], thanks"


def test_in_json_numbers_and_strings_are_found_and_it_stays_json() -> None:
    text = '{"card": 4111111111111111, "mail": "ann@example.com", "ssn": "078-05-1120"}'
    assert redacted(text) == '{"card": "[CARD_1]", "mail": "[EMAIL_1]", "ssn": "[SSN_1]"}'


def test_what_lies_within_a_finding_is_not_told_twice() -> None:
    assert found("4111111111111111@example.com") == [("email", "4111111111111111@example.com")]
    assert [kind for kind, _ in found("DE89 3704 0044 0532 0130 00")] == ["iban"]


def test_only_what_was_asked_for_is_found() -> None:
    text = f"ann@example.com {CARD} 10.1.2.3"
    assert [kind for kind, _ in found(text, kinds=["ip", "card"])] == ["card", "ip"]


def test_kinds_that_a_word_alone_tells_are_asked_for_by_name() -> None:
    text = "Passport number: 512345678"
    assert found(text) == []
    assert found(text, kinds=["us_passport"]) == [("us_passport", "512345678")]


def test_what_may_be_seen_is_no_finding() -> None:
    text = f"ann@example.com, bob@example.org, SUPPORT@example.net, {CARD}"
    allow = ["@example.com", "support@example.net", "4111111111111111"]
    assert found(text, allow=allow) == [("email", "bob@example.org")]


def test_numbers_are_dialled_where_the_contract_says() -> None:
    assert found("Ring 20 12 34 56 today", regions=["DK"]) == [("phone", "20 12 34 56")]
    assert found("Ring 20 12 34 56 today", regions=["US"]) == []


def test_a_contract_brings_recognisers_of_its_own() -> None:
    text = "E-123456 met e-123456 and E-1234567"
    assert found(text, kinds=[], recognisers=[EMPLOYEE]) == [("employee_id", "E-123456")]
    assert redacted(text, recognisers=[EMPLOYEE]).startswith("[EMPLOYEE_ID_1] met e-")


def test_a_recogniser_of_ones_own_can_ask_for_a_word_beside_it() -> None:
    near = {"name": "badge", "pattern": r"\d{5}", "context": ["Badge", "社員番号"]}
    text = "12345 is nothing" + " " * 60 + "badge-no. 23456" + " " * 60 + "社員番号は34567です"
    assert [value for _, value in found(text, kinds=[], recognisers=[near])] == ["23456", "34567"]


@pytest.mark.parametrize(
    ("checksum", "right", "wrong"),
    [
        ("luhn", "M-79927398713", "M-79927398714"),
        ("mod97", "GB82WEST12345698765432", "GB82WEST12345698765433"),
    ],
)
def test_a_recogniser_of_ones_own_can_ask_for_a_checksum(
    checksum: str, right: str, wrong: str
) -> None:
    own = {"name": "member", "pattern": r"[A-Z0-9-]{12,}", "checksum": checksum}
    text = f"{right} {wrong}"
    assert found(text, kinds=[], recognisers=[own]) == [("member", right)]


def test_a_recogniser_of_ones_own_finds_once_what_lies_where_a_long_text_is_cut() -> None:
    own = {"name": "order", "pattern": r"\bX\d+\b"}
    for before in range(1_990, 2_010):
        text = " " * before + "X" + "7" * 400 + " " * 30_000 + "X1 aX2"
        values = [value for _, value in found(text, kinds=[], recognisers=[own])]
        assert values == ["X" + "7" * 400, "X1"]


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({"kinds": ["e-mail"]}, "there are these kinds: .*email"),
        ({"kinds": []}, "there are no recognisers"),
        ({"regions": ["XX"]}, "a region has two letters"),
        ({"recognisers": [{"name": "x", "pattern": "(?=a)"}]}, "no pattern of RE2"),
        ({"recognisers": [{"name": "x", "pattern": r"(a)\1"}]}, "no pattern of RE2"),
        ({"recognisers": [{"name": "x", "pattern": "a*"}]}, "say what must be there"),
        ({"recognisers": [{"name": "card", "pattern": "a"}]}, "a name of its own"),
        ({"recognisers": [EMPLOYEE, EMPLOYEE]}, "a name of its own"),
        ({"recognisers": [{"name": "No", "pattern": "a"}]}, "name"),
        ({"recognisers": [{**EMPLOYEE, "context": ["id", "#1"]}]}, "a word has letters"),
    ],
)
def test_what_cannot_be_meant_is_refused(told: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        PiiSettings.model_validate(told)


BITS = st.one_of(
    st.sampled_from(["call ", "card ", "ssn ", "BSN ", " ", "-", ".", ":", "@", "+", "(0)", "\n"]),
    st.sampled_from(
        ["4111 1111", "1111 1111", "a.b", "example.com", "DE89 3704 0044 0532 0130 00", "::1"]
    ),
    st.text(alphabet="0123456789 -.+()", max_size=12),
    st.text(alphabet="ab@.:1fé９\u200b", max_size=6),  # noqa: RUF001
    st.sampled_from(
        [*(each.text for kind in ("phone", "ip", "uk_nino") for each in labelled(kind, 3))]
    ),
)
TEXTS = st.lists(BITS, max_size=8).map("".join)
LOOKING = EVERY.filter(Means())
SCREEN = Screen(Stage.OUTPUT, [("pii", EVERY)], Means())


@given(TEXTS)
def test_a_text_that_holds_something_meets_the_gate(text: str) -> None:
    subject = Subject(stage=Stage.OUTPUT, texts=[Text(text)])
    through_the_gate = asyncio.run(SCREEN.look(subject, Placeholders())).noted
    assert len(through_the_gate) == len(asyncio.run(LOOKING.look(subject)))


@given(TEXTS)
def test_findings_are_in_order_and_apart_or_overlap_without_lying_within(text: str) -> None:
    subject = Subject(stage=Stage.OUTPUT, texts=[Text(text)])
    last = (-1, -1)
    for each in asyncio.run(LOOKING.look(subject)):
        assert each.start is not None
        assert each.end is not None
        assert last[0] < each.start < each.end <= len(subject.texts[0].folded)
        assert each.end > last[1]
        last = each.start, each.end


@given(st.sampled_from([*labelled("card", 20), *labelled("iban", 20)]), st.data())
def test_nothing_invisible_hides_a_value(each: Labelled, data: st.DataObject) -> None:
    text = each.text
    for _ in range(3):
        place = data.draw(st.integers(each.start, each.end))
        text = text[:place] + data.draw(st.sampled_from("\u200b\u2060\u00ad\u202e")) + text[place:]
    assert f"[{each.kind.upper()}_1]" in redacted(text)


SIZE = 200_000
HEAVY = [
    "9", "1 ", "12 ", "1234 ", "123 456 789 ", "000-12-3456 ", "9-", "9.", "a@", "@a.", "a.", "1::", "a:", "1.2.3.4 ",
    "DE89 ", "DE89", "+1", "(030) 1", "call 030 ", "12345678901 bsn ", "+1 415 555 2671 ", "4111-", "0x1f:",
]  # fmt: skip


@pytest.mark.parametrize("piece", HEAVY)
def test_no_text_takes_more_time_than_its_length(piece: str) -> None:
    """Were it the square of its length, this would take minutes."""
    text = (piece * (SIZE // len(piece) + 1))[:SIZE]
    begun = time.process_time()
    asyncio.run(LOOKING.look(Subject(stage=Stage.OUTPUT, texts=[Text(text)])))
    assert time.process_time() - begun < 10


def test_five_megabytes_of_digits_are_looked_through_in_seconds() -> None:
    begun = time.process_time()
    assert screened("4111111111111111" * 312_500).noted == []
    assert time.process_time() - begun < 10


def test_a_pattern_that_reads_far_ahead_everywhere_takes_no_longer_for_it() -> None:
    own = {"name": "odd", "pattern": r"a(?:.*b)?"}
    begun = time.process_time()
    assert len(places("a" * SIZE, kinds=[], recognisers=[own])) == SIZE
    assert time.process_time() - begun < 60
