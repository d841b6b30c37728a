"""Secrets in texts."""

from random import Random

import pytest

from batchwright.filters.credentials import CREDENTIALS
from batchwright.filters.secrets import Secrets, entropy, looks_random
from tests.credentials import CLEAN, FORMATS, FRAMES

SECRETS = Secrets()
LARGE = 5_000_000


def kinds(text: str) -> list[str]:
    return [found.kind for found in SECRETS.find(text, 0)]


@pytest.mark.parametrize("kind", FORMATS)
def test_the_usual_formats_are_found_wherever_they_stand(kind: str) -> None:
    chance = Random(kind)
    texts = [
        frame.format(draw(chance)) if frame != "{}" else draw(chance)
        for draw in FORMATS[kind]
        for frame in FRAMES
        for _ in range(4)
    ]
    missed = [text for text in texts if not kinds(text)]
    assert len(missed) <= 0.05 * len(texts), missed[:3]


@pytest.mark.parametrize("text", CLEAN)
def test_what_only_speaks_of_secrets_holds_none(text: str) -> None:
    assert kinds(text) == []


def test_every_kind_of_the_tests_is_one_of_the_table() -> None:
    assert FORMATS.keys() <= {each.kind for each in CREDENTIALS}


def test_a_private_key_is_found_whole_and_a_cut_one_to_its_end() -> None:
    key = FORMATS["private_key"][0](Random(1))
    for text, expected in ((f"so: {key} and on", key), (f"so: {key[:300]}", key[:300])):
        (found,) = SECRETS.find(text, 0)
        assert text[found.start : found.end] == expected


def test_a_key_in_json_with_escaped_line_ends_is_found_whole() -> None:
    key = FORMATS["private_key"][2](Random(2)).replace("\n", "\\n")
    (found,) = SECRETS.find(f'{{"private_key": "{key}"}}', 0)
    assert found.kind == "private_key"
    assert (found.end or 0) - (found.start or 0) == len(key)


def test_only_the_value_of_an_assignment_is_found() -> None:
    text = "DB_PASSWORD='Tr0ub4dor&3' # prod"
    (found,) = SECRETS.find(text, 0)
    assert text[found.start : found.end] == "Tr0ub4dor&3"


def test_a_value_of_two_formats_is_one_finding_of_the_distinctive_kind() -> None:
    key = FORMATS["anthropic_key"][0](Random(4))
    assert kinds(f"api_key={key}") == ["anthropic_key"]


def test_what_is_allowed_is_no_finding() -> None:
    key = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
    assert Secrets(allow=[key]).find(f"use {key}", 0) == []
    assert kinds(f"use {key}") == ["stripe_key"]


@pytest.mark.parametrize(
    "text",
    [
        "password=" * (LARGE // 9),
        "key " * (LARGE // 4),
        "-----BEGIN RSA PRIVATE KEY-----" * (LARGE // 31),
        "eyJaaaaaaaaaa." * (LARGE // 14),
        "a" * LARGE,
    ],
    ids=["assignments", "context", "keys", "tokens", "letters"],
)
@pytest.mark.timeout(60)
def test_five_megabytes_made_to_be_slow_are_not(text: str) -> None:
    SECRETS.find(text, 0)


def test_chance_is_told_from_words() -> None:
    assert looks_random("q7Hc0vX2")
    assert not looks_random("hunter")
    assert not looks_random("placeholder-12")
    assert entropy("") == 0
