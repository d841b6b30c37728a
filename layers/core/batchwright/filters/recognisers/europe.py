"""National numbers of Europe."""

import re

from batchwright.filters.recognisers.checksums import (
    dated_short,
    ean13,
    luhn,
    mod11_10,
    varied,
    weighted,
)
from batchwright.filters.recognisers.numbers import Number

_NINO = re.compile(r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[A-D]?")
_NIF_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_CODICE = re.compile(r"[A-Z]{6}[0-9]{2}[A-EHLMPRST][0-9]{2}[A-Z][0-9]{3}[A-Z]")
# What letters and digits in odd places count; those in even places count what they are.
_CODICE_ODD_LETTERS = {
    "0A": 1, "1B": 0, "2C": 5, "3D": 7, "4E": 9, "5F": 13, "6G": 15, "7H": 17, "8I": 19, "9J": 21, "K": 2, "L": 4,
    "M": 18, "N": 20, "O": 11, "P": 3, "Q": 6, "R": 8, "S": 12, "T": 14, "U": 16, "V": 10, "W": 22, "X": 25, "Y": 24,
    "Z": 23,
}  # fmt: skip
_CODICE_ODD = {each: value for letters, value in _CODICE_ODD_LETTERS.items() for each in letters}
_HETU_LETTERS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_PPS_LETTERS = "WABCDEFGHIJKLMNOPQRSTUV"


def _nhs(value: str) -> bool:
    check = -weighted(value[:9], range(10, 1, -1)) % 11
    return varied(value) and check == int(value[9])


def _nino(value: str) -> bool:
    return _NINO.fullmatch(value) is not None


def _steuer_id(value: str) -> bool:
    """One digit stands twice or three times among the first ten, the others once or never."""
    different = {*value[:10]}
    once = len(different) == 9 or (  # noqa: PLR2004 - of ten
        len(different) == 8 and any(value.count(digit, 0, 10) == 3 for digit in different)  # noqa: PLR2004
    )
    return once and value[0] != "0" and mod11_10(value)


def _nir(value: str) -> bool:
    """Corsica's departments, 2A and 2B, count as 19 and 18."""
    digits = value[:5] + value[5:7].replace("2A", "19").replace("2B", "18") + value[7:]
    if not digits.isdigit() or value[0] not in "123478" or value[3:5] == "00":
        return False
    return 97 - int(digits[:13]) % 97 == int(digits[13:])


def _nif(value: str) -> bool:
    digits = value[:-1].translate(str.maketrans("XYZ", "012", ""))
    return digits.isdigit() and _NIF_LETTERS[int(digits) % 23] == value[-1]


def _codice(value: str) -> bool:
    if not _CODICE.fullmatch(value):
        return False
    odd = sum(_CODICE_ODD[letter] for letter in value[0:15:2])
    even = sum(int(each) if each.isdigit() else ord(each) - 65 for each in value[1:15:2])
    return chr(65 + (odd + even) % 26) == value[15]


def _ahv(value: str) -> bool:
    return value.startswith("756") and ean13(value)


def _bsn(value: str) -> bool:
    return varied(value) and weighted(value, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def _personnummer(value: str) -> bool:
    """A day that is 60 too late is that of somebody who is not registered."""
    year, month, day = value[-10:-8], value[-8:-6], value[-6:-4]
    day = f"{int(day) - 60:02}" if day > "60" else day
    return dated_short(year, month, day) and luhn(value[-10:])


def _pesel(value: str) -> bool:
    """The month tells the century."""
    month = f"{int(value[2:4]) % 20:02}"
    check = -weighted(value[:10], (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10
    return dated_short(value[:2], month, value[4:6]) and check == int(value[10])


def _hetu(value: str) -> bool:
    digits = value[:6] + (value[7:10] if len(value) == 11 else value[6:9])  # noqa: PLR2004 - with its century
    if not digits.isdigit() or not dated_short(digits[4:6], digits[2:4], digits[:2]):
        return False
    return _HETU_LETTERS[int(digits) % 31] == value[-1]


def _fodselsnummer(value: str) -> bool:
    day = f"{int(value[:2]) % 40:02}"
    first = -weighted(value, (3, 7, 6, 1, 8, 9, 4, 5, 2)) % 11
    second = -weighted(value, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return dated_short(value[4:6], value[2:4], day) and f"{first}{second}" == value[9:]


def _cpr(value: str) -> bool:
    """It has had no check digit since 2007."""
    return dated_short(value[4:6], value[2:4], value[:2])


def _rijksregister(value: str) -> bool:
    """From 2000 on, a 2 stands before what is divided."""
    if int(value[2:4]) % 20 > 12:  # noqa: PLR2004 - the months of a year
        return False
    return 97 - int(value[9:]) in (int(value[:9]) % 97, int("2" + value[:9]) % 97)


def _nif_pt(value: str) -> bool:
    check = -weighted(value[:8], range(9, 1, -1)) % 11
    return varied(value) and check % 10 == int(value[8])


def _pps(value: str) -> bool:
    digits, letters = value[:7], value[7:]
    second = _PPS_LETTERS.find(letters[1:]) * 9 if len(letters) > 1 else 0
    if not digits.isdigit() or second < 0:
        return False
    return _PPS_LETTERS[(weighted(digits, range(8, 1, -1)) + second) % 23] == letters[0]


def _svnr(value: str) -> bool:
    if not dated_short(value[8:10], value[6:8], value[4:6]):
        return False
    return weighted(value, (3, 7, 9, 0, 5, 8, 4, 2, 1, 6)) % 11 == int(value[3])


def _rodne_cislo(value: str) -> bool:
    """Women's months are 50 later; 20 more where a day's numbers were all given. A check of 10 is a 0."""
    month = f"{int(value[2:4]) % 50 % 20:02}"
    return dated_short(value[:2], month, value[4:6]) and int(value[:9]) % 11 % 10 == int(value[9])


EUROPE = (
    Number(
        kind="uk_nhs",
        holds=_nhs,
        plain=("999 999 9999", "999-999-9999", "9999999999"),
        words=("nhs", "national health"),
    ),
    Number(
        kind="uk_nino",
        holds=_nino,
        shapes=("AA999999A", "AA 99 99 99 A", "AA 999999 A", "AA-99-99-99-A"),
        plain=("AA999999", "AA 99 99 99"),
        words=("national insurance", "nino", "ni number", "ni no", "nin"),
        upper=True,
    ),
    Number(
        kind="de_tax_id",
        holds=_steuer_id,
        shapes=("99 999 999 999",),
        plain=("99999999999",),
        words=(
            "steuer-id", "steueridentifikationsnummer", "steuernummer", "steuerliche identifikationsnummer", "idnr",
            "identifikationsnummer", "tin", "tax id", "tax number", "tax identification",
        ),
    ),
    Number(
        kind="fr_nir",
        holds=_nir,
        shapes=(
            "999999999999999", "999999A99999999", "9 99 99 99 999 999 99", "9 99 99 9A 999 999 99",
            "9999999999999 99", "999999A999999 99",
        ),
        words=("nir", "sécurité sociale", "insee", "sécu", "social security"),
    ),
    Number(
        kind="es_nif",
        holds=_nif,
        shapes=(
            "99999999A", "99999999-A", "99.999.999-A", "99.999.999A", "A9999999A", "A-9999999-A", "A9999999-A",
        ),
        plain=("99999999 A", "A 9999999 A"),
        words=("dni", "nie", "nif", "documento nacional", "identidad"),
    ),
    Number(
        kind="it_fiscal_code",
        holds=_codice,
        shapes=("AAAAAA99A99A999A", "AAA AAA 99A99 A999A"),
        words=("codice fiscale", "cf"),
        confidence=0.99,
    ),
    Number(
        kind="ch_ahv",
        holds=_ahv,
        shapes=("999.9999.9999.99", "9999999999999", "999 9999 9999 99"),
        words=("ahv", "avs", "oasi", "sozialversicherungsnummer"),
        confidence=0.99,
    ),
    Number(
        kind="nl_bsn",
        holds=_bsn,
        plain=("999999999", "999.999.999", "9999.99.999", "999 999 999", "9999 99 999"),
        words=("bsn", "burgerservicenummer", "sofinummer", "citizen service"),
    ),
    Number(
        kind="se_personnummer",
        holds=_personnummer,
        shapes=("999999-9999", "999999+9999", "99999999-9999"),
        plain=("9999999999", "999999999999"),
        words=("personnummer", "samordningsnummer", "personal identity", "pnr"),
        confidence=0.7,
    ),
    Number(
        kind="pl_pesel",
        holds=_pesel,
        plain=("99999999999",),
        words=("pesel", "numer ewidencyjny"),
    ),
    Number(
        kind="fi_hetu",
        holds=_hetu,
        shapes=("999999-999A", "999999-9999", "999999+999A", "999999+9999", "999999A999A", "999999A9999"),
        words=("hetu", "henkilötunnus", "personbeteckning"),
        confidence=0.8,
    ),
    Number(
        kind="no_fodselsnummer",
        holds=_fodselsnummer,
        shapes=("999999 99999",),
        plain=("99999999999",),
        words=("fødselsnummer", "fødselsnr", "personnummer", "fnr", "d-nummer"),
    ),
    Number(
        kind="dk_cpr",
        holds=_cpr,
        plain=("999999-9999", "9999999999"),
        words=("cpr", "cpr-nummer", "personnummer", "cpr-nr"),
    ),
    Number(
        kind="be_national",
        holds=_rijksregister,
        shapes=("99.99.99-999.99",),
        plain=("99999999999", "99.99.99 999.99"),
        words=("rijksregisternummer", "registre national", "numéro national", "insz", "niss"),
        confidence=0.95,
    ),
    Number(
        kind="pt_nif",
        holds=_nif_pt,
        plain=("999999999", "999 999 999"),
        words=("nif", "contribuinte", "identificação fiscal"),
    ),
    Number(
        kind="ie_pps",
        holds=_pps,
        plain=("9999999A", "9999999AA"),
        words=("pps", "ppsn", "personal public service"),
    ),
    Number(
        kind="at_svnr",
        holds=_svnr,
        plain=("9999 999999", "9999999999", "9999-999999"),
        words=("svnr", "sv-nummer", "sv-nr", "sozialversicherungsnummer", "versicherungsnummer"),
    ),
    Number(
        kind="cz_rodne_cislo",
        holds=_rodne_cislo,
        shapes=("999999/9999",),
        plain=("9999999999",),
        words=("rodné číslo", "rodné č", "rč"),
        confidence=0.8,
    ),
)  # fmt: skip
