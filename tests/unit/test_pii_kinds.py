"""Every kind of personal data: values that their issuers publish as examples, and what only looks like them."""

import asyncio
import re
from functools import cache
from pathlib import Path
from random import Random

import pytest
import yaml

from batchwright.filters import Filter, FilterEntry, Means, Subject
from batchwright.filters.pii import PiiSettings
from batchwright.filters.recognisers.checksums import varied, verhoeff
from batchwright.filters.recognisers.ibans import _LENGTH, _LENGTHS
from batchwright.filters.recognisers.kinds import KINDS, NUMBERS, PRECISE
from batchwright.finding import Stage
from batchwright.folding import Text
from tests.personal import MAKERS, aadhaar, clean, labelled

# Those with a word before them need it; the others have none on purpose.
EXAMPLES = {
    "email": [
        "ann.example+tag@mail.example.co.uk", "jörg@bücher.example", "o'neil@example.com", "x@xn--bcher-kva.example",
    ],
    "card": [
        "4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "378282246310005", "3782 822463 10005",
        "5555555555554444", "2223003122003222", "6011111111111117", "3530111333300000", "30569309025904",
        "3056 930902 5904", "6200000000000005", "6304000000000000", "card 4222222222222", "Visa: 4111 11111111 1111",
    ],
    "iban": [
        "DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "GB82 WEST 1234 5698 7654 32", "NO9386011117947",
        "FR14 2004 1010 0505 0001 3M02 606", "MT84MALT011000012345MTLCAST001S", "de89370400440532013000",
        "CH93-0076-2011-6238-5295-7", "BE68 5390 0754 7034",
        "BI42 1000 0100 0100 0033 2045 181", "LC55 HEMM 0001 0001 0012 0012 0002 3015",
    ],
    "ip": [
        "10.0.0.1", "192.168.001.001", "255.255.255.255", "2001:db8::8a2e:370:7334", "::1", "fe80::1",
        "::ffff:192.0.2.1",
        "2001:0db8:0000:0000:0000:ff00:0042:8329", "1:2:3:4:5:6:7:8",
    ],
    "ssn": ["219-09-9999", "219 09 9999", "900-70-0000", "SSN 219099999", "my ssn is 219099999"],
    "phone": [
        "+1 415 555 2671", "+1-415-555-2671", "(415) 555-2671", "415-555-2671", "415.555.2671", "+442079460958",
        "+44 (0)20 7946 0958", "+49 30 901820", "(030) 901820", "030/901820", "01 42 68 53 00", "+33 1 42 68 53 00",
        "020 7946 0958", "0049 30 901820", "phone 4155552671", "tel:+14155552671", "(11) 98765-4321",
        "+91 98765 43210",
        "Tel. 030901820", "+81 3-1234-5678", "call 415-555-2671 x123", "1-415-555-2671", "+358 9 1234567",
    ],
    "uk_nhs": ["NHS 943 476 5919", "NHS number 9434765919"],
    "uk_nino": ["AB123456C", "AB 12 34 56 C", "National Insurance AB123456"],
    "de_tax_id": ["86 095 742 719", "Steuer-ID 86095742719", "IdNr. 65929970489"],
    "fr_nir": ["255081416802538", "2 55 08 14 168 025 38", "1 84 12 76 451 089 46"],
    "es_nif": ["12345678Z", "12345678-Z", "12.345.678-Z", "X1234567L", "Y-1234567-X", "DNI 12345678 Z"],
    "it_fiscal_code": ["RSSMRA85T10A562S", "MRTMTT91D08F205J"],
    "br_cpf": ["529.982.247-25", "CPF 52998224725"],
    "br_cnpj": ["11.222.333/0001-81", "CNPJ 11222333000181"],
    "mx_curp": ["BOXW310820HNERXN09"],
    "ca_sin": ["SIN 130 692 544", "social insurance: 130692544"],
    "us_passport": ["passport no. 512345678", "Passport A12345678"],
    "us_driver_licence": ["driver's license D1234567", "DL number: S123-4567-8901"],
    "in_aadhaar": ["2341 2341 2346", "Aadhaar 234123412346"],
    "in_pan": ["ABCPE1234F", "PAN: AAAPZ1234C"],
    "au_tfn": ["TFN 123 456 782", "tax file number 123456782"],
    "au_medicare": ["Medicare 2123 45670 1", "Medicare 2123456701"],
    "ch_ahv": ["756.9217.0769.85", "7569217076985"],
    "nl_bsn": ["BSN 111222333", "burgerservicenummer: 123456782"],
    "se_personnummer": ["811218-9876", "19811218-9876", "personnummer 8112189876"],
    "pl_pesel": ["PESEL 44051401359", "pesel: 02070803628"],
    "fi_hetu": ["131052-308T", "010594Y9032"],
    "no_fodselsnummer": ["fødselsnummer 15108695088", "fnr 01010750160"],
    "dk_cpr": ["CPR 211062-5629"],
    "be_national": ["85.07.30-033.28", "rijksregisternummer 85073003328"],
    "pt_nif": ["NIF 123456789", "contribuinte 501 964 843"],
    "ie_pps": ["PPS 1234567T", "PPSN: 1234567FA"],
    "at_svnr": ["SVNR 1237 010180", "Sozialversicherungsnummer 1237010180"],
    "cz_rodne_cislo": ["780123/3540", "736028/5163"],
    "cn_resident": ["11010519491231002X", "440524188001010014"],
    "sg_nric": ["S1234567D", "T1234567J", "F1234567N", "G1234567X"],
    "kr_rrn": ["900101-1234567"],
    "jp_my_number": ["my number 123456789018", "マイナンバー:123456789018"],
    "tr_identity": ["TC kimlik 10000000146"],
    "za_id": ["ID number 8001015009087"],
}  # fmt: skip
NOTHING = [
    "4111111111111112", "1234567812345678", "0000000000000000", "0.4111111111111111",
    "DE89370400440532013001", "DE8937040044053201300", "XX89370400440532013000", "666-12-3456",
    "000-12-3456", "123-00-4567",
    "219099999", "1.2.3.4.5", "256.1.1.1", "version 1.2.3.4", "v1.2.3.4", "12:30:45", "std::map", "a::b",
    "fe::add", "::",
    "00:1A:2B:3C:4D:5E", "BG123456A", "AB123456E", "12345678A", "RSSMRA85T10A562T", "529.982.247-26",
    "756.9217.0769.84", "111222333", "811218-9877", "131052-308U", "2024-01-15 10:30:00", "15.01.2024 12",
    "44051401359",
    "ISBN 978-3-16-148410-0", "4006381333931", "order 4155552671", "4155552671", "1700000000", "a@b", "@name", "a@b.1",
    "git@github.com:team/code", "lodash@4.17.21", "550e8400-e29b-41d4-a716-446655440000", "1 000 000 000",
    "$1,234,567,890.00",
    "112-1234567-1234567", "3.14159265358979", "10.15.7", "2001-2010", "12 34 56 78 90 12 34 56 78 90",
    "1Z999AA10123456784",
]  # fmt: skip


@cache
def looking() -> Filter:
    return PiiSettings(kinds=tuple(sorted(KINDS))).filter(Means())


def found(text: str) -> list[tuple[str, str]]:
    folded = Text(text)
    findings = asyncio.run(looking().look(Subject(stage=Stage.OUTPUT, texts=[folded])))
    return [(each.kind, folded.folded[each.start : each.end]) for each in findings]


@pytest.mark.parametrize(
    ("kind", "text"), [(kind, text) for kind, texts in EXAMPLES.items() for text in texts]
)
def test_an_example_of_every_kind_is_found_wherever_it_stands(kind: str, text: str) -> None:
    for around in ("{}", "Here: {}.", "({})", '"{}",', "{}\nnext", "{}; then", "it is {}, yes"):
        (place,) = found(around.format(text))
        assert place[0] == kind
        assert text.endswith(place[1])


@pytest.mark.parametrize("text", NOTHING)
def test_what_only_looks_like_something_is_nothing(text: str) -> None:
    assert found(text) == []
    assert found(f"It was {text} again.") == []


def test_every_kind_has_an_example() -> None:
    assert {*EXAMPLES} == KINDS


def test_every_kind_and_setting_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs/filters.md").read_text()
    section = page.partition("\n## pii\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"`([a-z_]+)`", section)) >= KINDS
    (example,) = yaml.safe_load(section.partition("```yaml\n")[2].partition("```")[0])
    assert isinstance(FilterEntry.model_validate(example).settings, PiiSettings)
    assert set(example["pii"]) == set(PiiSettings.model_fields)


def test_what_nothing_but_a_word_tells_is_not_looked_for_unless_it_is_asked_for() -> None:
    unchecked = {number.kind for number in NUMBERS if number.holds is varied}
    assert unchecked == KINDS - PRECISE == {"us_passport", "us_driver_licence"}
    assert not any(number.shapes for number in NUMBERS if number.kind in unchecked)


@pytest.mark.parametrize(
    "around",
    ["{} | {}", "{},{}", "{}\n{}", "{} and {}", '["{}","{}"]', "{}; {}"],
)
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("4111 1111 1111 1111", "5555 5555 5555 4444"),
        ("219-09-9999", "529.982.247-25"),
        ("DE89370400440532013000", "GB82 WEST 1234 5698 7654 32"),
        ("ann@example.com", "bob@example.org"),
        ("10.0.0.1", "10.0.0.2"),
        ("+1 415-555-2671", "+44 20 7946 0958"),
    ],
)
def test_two_values_beside_each_other_are_two(around: str, first: str, second: str) -> None:
    assert [value for _, value in found(around.format(first, second))] == [first, second]


def test_a_longer_shape_that_does_not_hold_hides_no_shorter_one() -> None:
    assert found("4111 1111 1111 1111 123") == [("card", "4111 1111 1111 1111")]
    assert found("card 4111 1111 1111 1111 12/27") == [("card", "4111 1111 1111 1111")]


def test_a_row_of_numbers_is_not_read_across_its_columns() -> None:
    assert found("17 219 09 9999 4") == []
    assert found("8865 2341 2341 2346 9") == []


def test_of_several_kinds_the_one_whose_word_stands_near_is_told() -> None:
    assert found("Numéro AVS 756.9217.0769.85") == [("ch_ahv", "756.9217.0769.85")]
    assert found("my number: 2341 2341 2346")[0][0] == "in_aadhaar"
    assert found("PESEL 44051401359")[0][0] == "pl_pesel"


def test_every_country_of_the_registry_has_a_length() -> None:
    assert len(_LENGTH) == sum(len(countries.split()) for countries in _LENGTHS.values())
    assert (len(_LENGTH), _LENGTH["DE"]) == (111, 22)


@pytest.mark.parametrize("wrong", range(1, 10))
def test_verhoeff_finds_every_wrong_digit(wrong: int) -> None:
    number = "234123412346"
    assert verhoeff(number)
    for place, digit in enumerate(number):
        other = str((int(digit) + wrong) % 10)
        assert not verhoeff(number[:place] + other + number[place + 1 :])


def test_the_tests_own_aadhaar_numbers_are_what_the_filter_s_are() -> None:
    chance = Random(1)
    assert all(verhoeff(aadhaar(chance).replace(" ", "")) for _ in range(100))


LEAST = {"phone": 0.85}


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_what_is_there_is_found(kind: str) -> None:
    wanted = "ip" if kind == "ipv6" else kind
    seen = sum(
        any(
            told == wanted and each.text[each.start : each.end] in value
            for told, value in found(each.text)
        )
        for each in labelled(kind, 100)
    )
    assert seen >= 100 * LEAST.get(kind, 0.99)


def test_where_nothing_is_next_to_nothing_is_found() -> None:
    wrong = [(text, found(text)) for text in clean(2_000) if found(text)]
    assert len(wrong) <= 2, wrong
