"""National numbers of Asia, Africa and Australia."""

import re

from batchwright.filters.recognisers.checksums import (
    dated,
    dated_short,
    luhn,
    varied,
    verhoeff,
    weighted,
)
from batchwright.filters.recognisers.numbers import Number

_PAN = re.compile(r"[A-Z]{3}[ABCFGHLJPT][A-Z][0-9]{4}[A-Z]")
_NRIC_LETTERS = {"S": "JZIHGFEDCBA", "F": "XWUTRQPNMLK", "M": "XWUTRQPNJLK"}
_NRIC_LETTERS |= {"T": _NRIC_LETTERS["S"], "G": _NRIC_LETTERS["F"]}
_NRIC_OFFSETS = {"S": 0, "T": 4, "F": 0, "G": 4, "M": 3}


def _aadhaar(value: str) -> bool:
    return value[0] not in "01" and varied(value) and verhoeff(value)


def _pan(value: str) -> bool:
    return _PAN.fullmatch(value) is not None


def _tfn(value: str) -> bool:
    return varied(value) and weighted(value, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def _medicare(value: str) -> bool:
    check = weighted(value[:8], (1, 3, 7, 9, 1, 3, 7, 9)) % 10
    return value[0] in "23456" and check == int(value[8])


def _resident(value: str) -> bool:
    digits = value[:17]
    if not digits.isdigit() or not dated(int(value[6:10]), int(value[10:12]), int(value[12:14])):
        return False
    total = weighted(digits, (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2))
    return "10X98765432"[total % 11] == value[17]


def _nric(value: str) -> bool:
    letters = _NRIC_LETTERS.get(value[0])
    if letters is None:
        return False
    total = weighted(value[1:8], (2, 7, 6, 5, 4, 3, 2)) + _NRIC_OFFSETS[value[0]]
    return letters[total % 11] == value[8]


def _rrn(value: str) -> bool:
    """It has had no check digit since 2020."""
    return dated_short(value[:2], value[2:4], value[4:6]) and value[6] in "12345678"


def _my_number(value: str) -> bool:
    left = weighted(value, (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    check = 0 if left < 2 else 11 - left  # noqa: PLR2004 - as the rule is
    return varied(value) and check == int(value[11])


def _tckn(value: str) -> bool:
    digits = [*map(int, value)]
    tenth = (sum(digits[0:9:2]) * 7 - sum(digits[1:8:2])) % 10
    return digits[0] != 0 and tenth == digits[9] and sum(digits[:10]) % 10 == digits[10]


def _za_id(value: str) -> bool:
    born = dated_short(value[:2], value[2:4], value[4:6])
    return born and value[10] in "012" and luhn(value)


ASIA_PACIFIC = (
    Number(
        kind="in_aadhaar",
        holds=_aadhaar,
        shapes=("9999 9999 9999", "9999-9999-9999"),
        plain=("999999999999",),
        words=("aadhaar", "aadhar", "uid", "uidai", "आधार"),
        confidence=0.7,
    ),
    Number(
        kind="in_pan",
        holds=_pan,
        shapes=("AAAAA9999A",),
        words=("pan", "permanent account"),
        upper=True,
    ),
    Number(
        kind="au_tfn",
        holds=_tfn,
        plain=("999 999 999", "999999999", "999-999-999"),
        words=("tfn", "tax file"),
    ),
    Number(
        kind="au_medicare",
        holds=_medicare,
        plain=(
            "9999 99999 9", "9999 99999 9 9", "9999 99999 9/9", "9999 99999 9-9", "9999999999", "99999999999",
            "9999-99999-9",
        ),
        words=("medicare",),
    ),
    Number(
        kind="cn_resident",
        holds=_resident,
        shapes=("999999999999999999", "99999999999999999A"),
        words=("身份证", "resident identity", "id card"),
        confidence=0.99,
    ),
    Number(
        kind="sg_nric",
        holds=_nric,
        shapes=("A9999999A",),
        words=("nric", "fin", "singpass"),
        upper=True,
    ),
    Number(
        kind="kr_rrn",
        holds=_rrn,
        shapes=("999999-9999999",),
        words=("주민등록번호", "resident registration", "rrn"),
        confidence=0.8,
    ),
    Number(
        kind="jp_my_number",
        holds=_my_number,
        plain=("999999999999", "9999 9999 9999", "9999-9999-9999"),
        words=("マイナンバー", "個人番号", "my number", "individual number"),
    ),
    Number(
        kind="tr_identity",
        holds=_tckn,
        plain=("99999999999",),
        words=("tckn", "kimlik", "tc no", "t.c."),
    ),
    Number(
        kind="za_id",
        holds=_za_id,
        shapes=("999999 9999 999",),
        plain=("9999999999999",),
        words=("id number", "identity number", "south african id", "id no", "sa id"),
    ),
)  # fmt: skip
