"""Check digits. Every function takes the digits without spaces, and is true where they check."""

from collections.abc import Iterable
from datetime import date
from itertools import cycle
from operator import mul
from string import ascii_uppercase

_DOUBLED = str.maketrans("0123456789", "0246813579")
# What a letter counts in an IBAN: A is 10.
_VALUES = {ord(letter): str(value) for value, letter in enumerate(ascii_uppercase, 10)}
_TURNS = (
    "0123456789",
    "1234067895",
    "2340178956",
    "3401289567",
    "4012395678",
    "5987604321",
    "6598710432",
    "7659821043",
    "8765932104",
    "9876543210",
)
_SHUFFLES = (
    "0123456789",
    "1576283094",
    "5803796142",
    "8916043527",
    "9453126870",
    "4286573901",
    "2793806415",
    "7046913258",
)


def weighted(digits: str, weights: Iterable[int]) -> int:
    """Return the sum of digits times weights, as far as both go.

    >>> weighted("123", (3, 2, 1))
    10
    """
    return sum(map(mul, map(int, digits), weights))


def luhn(digits: str) -> bool:
    """Payment cards and many more: every second digit doubled.

    >>> luhn("4111111111111111"), luhn("4111111111111112")
    (True, False)
    """
    doubled = digits[-2::-2].translate(_DOUBLED)
    return sum(map(int, digits[::-2] + doubled)) % 10 == 0


def mod97(value: str) -> bool:
    """ISO 7064 mod 97-10 of an IBAN's kind: digits and letters, the last four in front.

    >>> mod97("WEST12345698765432GB82"), mod97("WEST12345698765432GB83")
    (True, False)
    """
    return int(value.translate(_VALUES)) % 97 == 1


def mod11_10(digits: str) -> bool:
    """ISO 7064 mod 11,10: Germany's tax number.

    >>> mod11_10("86095742719"), mod11_10("86095742718")
    (True, False)
    """
    product = 10
    for digit in digits[:-1]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (product + int(digits[-1])) % 10 == 1


def verhoeff(digits: str) -> bool:
    """India's Aadhaar.

    >>> verhoeff("2363"), verhoeff("2364")
    (True, False)
    """
    check = "0"
    for shuffle, digit in zip(cycle(_SHUFFLES), reversed(digits), strict=False):
        check = _TURNS[int(check)][int(shuffle[int(digit)])]
    return check == "0"


def ean13(digits: str) -> bool:
    """Barcodes, and Switzerland's AHV number.

    >>> ean13("7569217076985"), ean13("7569217076984")
    (True, False)
    """
    return weighted(digits, cycle((1, 3))) % 10 == 0


def varied(digits: str) -> bool:
    """Whether they are more than one digit over and over, which checks often and means nothing."""
    return len(set(digits)) > 1


def dated(year: int, month: int, day: int) -> bool:
    """Whether there is such a day."""
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def dated_short(year: str, month: str, day: str) -> bool:
    """Whether there is such a day in some century.

    >>> dated_short("00", "02", "29"), dated_short("01", "02", "29")
    (True, False)
    """
    return dated(2000 + int(year), int(month), int(day))
