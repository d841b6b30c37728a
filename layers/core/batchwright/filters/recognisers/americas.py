"""National numbers of the Americas."""

import re

from batchwright.filters.recognisers.checksums import dated_short, luhn, varied, weighted
from batchwright.filters.recognisers.numbers import Number

_ITIN_GROUPS = {*range(50, 66), *range(70, 89), *range(90, 93), *range(94, 100)}
_CURP_LETTERS = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
_CURP = re.compile(r"[A-Z]{4}([0-9]{2})([0-9]{2})([0-9]{2})[HMX][A-Z]{5}[0-9A-Z][0-9]")


def _ssn(value: str) -> bool:
    """Never 000, 666; 9xx is a taxpayer's number, with groups of its own."""
    area, group, serial = int(value[:3]), int(value[3:5]), int(value[5:])
    if area >= 900:  # noqa: PLR2004 - from here on, no social security numbers
        return group in _ITIN_GROUPS
    return area not in (0, 666) and group != 0 and serial != 0 and varied(value)


def _sin(value: str) -> bool:
    return value[0] not in "08" and luhn(value)


def _mod11(digits: str, weights: tuple[int, ...]) -> str:
    left = weighted(digits, weights) % 11
    return "0" if left < 2 else str(11 - left)  # noqa: PLR2004 - as the rule is


def _cpf(value: str) -> bool:
    first = _mod11(value[:9], (10, 9, 8, 7, 6, 5, 4, 3, 2))
    second = _mod11(value[:9] + first, (11, 10, 9, 8, 7, 6, 5, 4, 3, 2))
    return varied(value) and value[9:] == first + second


def _cnpj(value: str) -> bool:
    weights = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
    first = _mod11(value[:12], weights[1:])
    return varied(value) and value[12:] == first + _mod11(value[:12] + first, weights)


def _curp(value: str) -> bool:
    parts = _CURP.fullmatch(value)
    if parts is None or not dated_short(*parts.groups()):
        return False
    total = sum(
        _CURP_LETTERS.index(letter) * weight
        for letter, weight in zip(value[:17], range(18, 1, -1), strict=True)
    )
    return (10 - total % 10) % 10 == int(value[17])


AMERICAS = (
    Number(
        kind="ssn",
        holds=_ssn,
        shapes=("999-99-9999", "999 99 9999"),
        plain=("999999999", "999.99.9999"),
        words=("ssn", "social security", "soc sec", "itin", "taxpayer", "tax id", "tin"),
    ),
    Number(
        kind="us_passport",
        holds=varied,
        plain=("999999999", "A99999999"),
        words=("passport", "travel document"),
    ),
    Number(
        kind="us_driver_licence",
        holds=varied,
        plain=(
            "A9999999", "A99999999", "A999999999999", "A999-9999-9999", "A999-999-99-999-9",
            "A999-9999-9999-99", "999 999 999", "99999999", "999999999", "AA999999", "A99-99-9999",
        ),
        words=(
            "driver license", "drivers license", "driver's license", "driver licence", "drivers licence",
            "driver's licence", "driving license", "driving licence", "dl number", "dl no", "dln",
        ),
    ),
    Number(
        kind="ca_sin",
        holds=_sin,
        plain=("999 999 999", "999-999-999", "999999999"),
        words=("sin", "social insurance", "assurance sociale", "nas"),
    ),
    Number(
        kind="br_cpf",
        holds=_cpf,
        shapes=("999.999.999-99",),
        plain=("99999999999", "999999999-99", "999 999 999 99"),
        words=("cpf", "cadastro de pessoa", "contribuinte"),
        confidence=0.95,
    ),
    Number(
        kind="br_cnpj",
        holds=_cnpj,
        shapes=("99.999.999/9999-99",),
        plain=("99999999999999", "99999999/9999-99"),
        words=("cnpj", "cadastro nacional"),
        confidence=0.95,
    ),
    Number(
        kind="mx_curp",
        holds=_curp,
        shapes=("AAAA999999AAAAAA99", "AAAA999999AAAAAAA9"),
        words=("curp",),
        confidence=0.99,
    ),
)  # fmt: skip
