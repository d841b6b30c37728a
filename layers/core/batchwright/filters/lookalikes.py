"""Letters that look like Latin ones, as those: a word is the same word in borrowed letters.

After the common ones of Unicode's list of confusables (unicode.org/reports/tr39).
"""

_LATIN = {
    "a": "аαɑ",  # noqa: RUF001 - to look alike is the point
    "b": "вƅβ",
    "c": "сϲᴄ",  # noqa: RUF001
    "d": "ԁɗ",
    "e": "еεҽ",
    "g": "ɡց",  # noqa: RUF001
    "h": "һнհ",
    "i": "іιıɩ",  # noqa: RUF001
    "j": "јϳ",  # noqa: RUF001
    "k": "кκ",
    "l": "ӏłǀ",
    "m": "мᴍ",
    "n": "пηո",
    "o": "оοօ",  # noqa: RUF001
    "p": "рρ",  # noqa: RUF001
    "q": "ԛզ",  # noqa: RUF001
    "r": "гᴦ",  # noqa: RUF001
    "s": "ѕꜱ",  # noqa: RUF001
    "t": "тτ",
    "u": "υսц",
    "v": "νѵ",  # noqa: RUF001
    "w": "ԝωѡ",
    "x": "хχ",
    "y": "уγү",  # noqa: RUF001
    "z": "ᴢ",  # noqa: RUF001
}
_ALIKE = {alike: letter for letter, others in _LATIN.items() for alike in others}
# The letters that only look like Latin ones, both cases: where one stands, a text may spell a word in two ways.
_BOTH_CASES = {case for each in _ALIKE for case in (each, each.upper()) if len(case) == 1}
LOOKALIKES = "".join(sorted(each for each in _BOTH_CASES if not each.isascii()))


class _Skeleton(dict[int, str]):
    """A table for ``str.translate`` that is filled as letters are met."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        lower = letter.lower()
        lower = lower if len(lower) == 1 else letter
        self[code] = skeleton = _ALIKE.get(lower, lower)
        return skeleton


_TABLE = _Skeleton()


def skeleton(text: str) -> str:
    r"""Return a text in lower case and in Latin letters where others look like them, letter for letter.

    >>> skeleton("\u0420\u0430\u0443Pal"), len(skeleton("\u0130"))
    ('paypal', 1)
    """
    return text.lower() if text.isascii() else text.translate(_TABLE)
