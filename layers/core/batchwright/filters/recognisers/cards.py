"""Payment cards."""

import re
from collections.abc import Sequence

from batchwright.filters.recognisers.checksums import luhn, varied
from batchwright.filters.recognisers.numbers import Number

# What the networks give out, and how long their numbers are.
_NETWORKS = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})"  # Visa
    r"|(?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"  # Mastercard
    r"|3[47][0-9]{13}"  # American Express
    r"|3(?:0[0-5]|09|[689][0-9])[0-9]{11}"  # Diners Club
    r"|(?:6011|64[4-9][0-9]|65[0-9]{2})[0-9]{12}(?:[0-9]{3})?"  # Discover
    r"|35[0-9]{14}(?:[0-9]{3})?|(?:2131|1800)[0-9]{11}"  # JCB
    r"|62[0-9]{14,17}|81[0-9]{14,17}"  # UnionPay
    r"|(?:220[0-4]|9792|60[0-9]{2}|508[0-9]|82[0-9]{2})[0-9]{12}"  # Mir, Troy, RuPay
    r"|(?:50[0-9]{2}|5[6-9][0-9]{2}|6[0-9]{3})[0-9]{8,15}"  # Maestro
)
_GROUPS = ("4444", "465", "464", "4441", "4442", "4443", "44441", "44442", "44443")
_ODD_GROUPS = ("444", "88", "448", "844", "484", "555", "553", "5551", "444211", "6343")


def _holds(value: str) -> bool:
    return _NETWORKS.fullmatch(value) is not None and varied(value) and luhn(value)


def _grouped(between: str, groups: Sequence[str]) -> list[str]:
    return [between.join("9" * int(size) for size in sizes) for sizes in groups]


CARDS = (
    Number(
        kind="card",
        holds=_holds,
        shapes=(
            *_grouped(" ", _GROUPS), *_grouped("-", _GROUPS), *("9" * size for size in (14, 15, 16, 19)),
        ),
        # Barcodes have 12 or 13 digits, and so many are seldom a card's.
        plain=(
            *_grouped(".", _GROUPS), *_grouped(" ", _ODD_GROUPS), *_grouped("-", _ODD_GROUPS),
            *("9" * size for size in (12, 13, 17, 18)),
        ),
        words=(
            "card", "credit", "debit", "visa", "mastercard", "amex", "american express", "cc", "pan", "maestro",
            "discover", "diners", "jcb", "unionpay", "carte", "karte", "kreditkarte", "kartennummer", "tarjeta",
            "carta", "cartão", "kaart", "karta", "kort", "kortnummer", "payment",
        ),
        confidence=0.95,
    ),
)  # fmt: skip
