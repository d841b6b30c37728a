"""Texts that are not in a language that is wanted."""

from pathlib import Path

import pytest

from batchwright.contractfile import read_contract
from batchwright.errors import ContractInvalid
from batchwright.filters.language import LANGUAGES, Language, LanguageSettings, _model
from batchwright.finding import Finding

TEXTS = Path(__file__).parents[1] / "texts"
SENTENCES = [line.split("\t") for line in (TEXTS / "languages.tsv").read_text().splitlines()]


def findings(text: str, *allow: str) -> list[Finding]:
    return Language(LanguageSettings.model_validate({"allow": allow})).find(text, 0)


def test_the_languages_that_a_contract_may_name_are_those_of_the_model() -> None:
    labels, _ = _model().predict("x", k=-1, threshold=-1.0)
    assert {label.removeprefix("__label__") for label in labels} == {*LANGUAGES.split()}


def test_next_to_every_sentence_is_known_and_none_is_taken_for_another() -> None:
    languages = {language for language, _ in SENTENCES}
    assert (len(SENTENCES), len(languages)) == (160, 16)
    missed = [text for language, text in SENTENCES if not findings(text, *(languages - {language}))]
    wrong = [text for language, text in SENTENCES if findings(text, language)]
    assert len(missed) <= 10
    assert wrong == []


def test_a_passage_at_the_end_is_found_where_it_is() -> None:
    english = "The kettle stands in the kitchen, and the tea is in the cupboard. " * 9
    german = "Der Kessel steht in der Küche, und der Tee ist im Schrank neben der Tür, wie immer."
    (found,) = findings(english + german, "en")
    assert (found.kind, found.end) == ("other_language", len(english + german))
    assert found.confidence > 0.8
    assert findings(english + german, "en", "de") == []


@pytest.mark.parametrize("text", ["", "Ja, gerne.", "123 456", "🙂" * 50, "x = 1; y = 2", "---"])
def test_what_is_short_or_no_language_is_not_judged(text: str) -> None:
    assert findings(text, "ja") == []


def test_numbers_in_a_sentence_without_spaces_hide_nothing() -> None:
    assert findings("2024年4月1日から北部では雨が降る見込みですので、傘を3本お持ちください。", "en")


@pytest.mark.parametrize(
    "text",
    [
        "| `max_tokens` | `ModelArns` | `inbox/<contract>/` | `UnexpectedServiceError` | 4096 |",
        "GET /v1/jobs/cancel?job=abcdef HTTP/1.1 Host: example.com Accept: application/json",
        '{"customerIdentifier":"abcdefghijkl","orderStatusCode":"awaitingconfirmation"}',
    ],
)
def test_names_and_code_are_no_language(text: str) -> None:
    assert findings(text, "en") == []


@pytest.mark.parametrize("allow", [[], ["english"], ["en-US"], ["xx"]], ids=str)
def test_a_contract_names_languages_that_are_known(allow: list[str]) -> None:
    written = f"name: a\nroutes: [{{model: m.x}}]\nfilters: {{output: [{{language: {{allow: {allow}}}}}]}}"
    with pytest.raises(ContractInvalid, match="allow"):
        read_contract(written.encode(), name="a")
