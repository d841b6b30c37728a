"""Word lists: terms that must not occur, or must be looked at, in whatever case and letters they are written."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from batchwright.filters.filter import Filter, FilterSettings, LocalFilter, Means
from batchwright.filters.lookalikes import LOOKALIKES, skeleton
from batchwright.finding import Finding
from batchwright.folding import Text

_TOKENS = re.compile(r"\w+|[^\w\s]")
# Under this key a tree of terms says that one ends there; no token is empty.
_END = ""
MOST_TERMS = 20_000

type _Tree = dict[str, "_Tree"]
type Read = Callable[[str], bytes]


class TermsSettings(FilterSettings):
    """The terms, here or in a file beside the contract, one a line."""

    words: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=200)], ...],
        Field(max_length=MOST_TERMS),
    ] = ()
    file: str | None = None
    """A list that ``batchwright contract put`` takes in; ``#`` begins a comment."""
    whole_words: bool = True
    """Whether a term inside a longer word is none; false for languages that are written without spaces."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.file is not None:
            raise ValueError(
                "file: the list is not in the contract: put it with `batchwright contract put`, which takes it in"
            )
        if not any(map(_tokens_of, self.words)):
            raise ValueError("say words, or the file that lists them")
        return self

    def filter(self, means: Means) -> Filter:  # noqa: ARG002 - it needs none
        """Return the filter."""
        return Terms(self.words) if self.whole_words else Parts(self.words)


class Terms(LocalFilter):
    """Finds terms word by word: of ``new york`` neither ``newyork`` nor ``new yorker`` is one."""

    def __init__(self, words: Sequence[str]) -> None:
        """Grow the tree of all terms."""
        self._tree: _Tree = {}
        firsts: set[str] = set()
        for word in words:
            tree = self._tree
            tokens = _tokens_of(word)
            firsts.update(tokens[:1])
            for token in tokens:
                tree = tree.setdefault(token, {})
            if tokens:
                tree[_END] = {}
        self.gate = _gate_of(firsts)

    def find(self, text: str, part: int) -> list[Finding]:
        """Return the terms of one text, the longest at every place."""
        tokens = [*_TOKENS.finditer(skeleton(text))]
        found, place = [], 0
        while place < len(tokens):
            behind = self._longest(tokens, place)
            if behind > place:
                start, end = tokens[place].start(), tokens[behind - 1].end()
                found.append(Finding(kind="term", part=part, start=start, end=end))
            place = max(behind, place + 1)
        return found

    def _longest(self, tokens: Sequence[re.Match[str]], place: int) -> int:
        """Return behind which token the longest term ends that begins at ``place``, which itself if none does."""
        tree, longest = self._tree, place
        while place < len(tokens) and (branch := tree.get(tokens[place].group())) is not None:
            tree, place = branch, place + 1
            if _END in tree:
                longest = place
        return longest


class Parts(LocalFilter):
    """Finds terms wherever their letters stand."""

    def __init__(self, words: Sequence[str]) -> None:
        """Compile all terms as one pattern."""
        import re2  # noqa: PLC0415 - it costs a cold start, and only filters need it

        alternatives = [
            r"\s*".join(map(re2.escape, tokens)) for word in words if (tokens := _tokens_of(word))
        ]
        options = re2.Options()
        options.longest_match = True
        options.max_mem = 256 << 20
        self._pattern = re2.compile("|".join(sorted(set(alternatives))), options=options)
        self.gate = _gate_of({tokens[0] for word in words if (tokens := _tokens_of(word))})

    def find(self, text: str, part: int) -> list[Finding]:
        """Return the terms of one text."""
        return [
            Finding(kind="term", part=part, start=found.start(), end=found.end())
            for found in self._pattern.finditer(skeleton(text))
        ]


def with_lists(fields: Any, read: Read) -> Any:
    """Return a contract's fields with the lists that its ``terms`` name by file; ``read`` gives a file's bytes."""
    if not isinstance(fields, dict) or not isinstance(fields.get("filters"), dict):
        return fields
    filters = {
        stage: [_with_list(entry, read) for entry in entries]
        if isinstance(entries, list)
        else entries
        for stage, entries in fields["filters"].items()
    }
    return {**fields, "filters": filters}


def _with_list(entry: Any, read: Read) -> Any:
    terms = entry.get("terms") if isinstance(entry, dict) else None
    if not isinstance(terms, dict) or not isinstance(terms.get("file"), str):
        return entry
    listed = [*_listed(read(terms["file"]))]
    rest = {name: value for name, value in terms.items() if name != "file"}
    return {"terms": {**rest, "words": [*(rest.get("words") or ()), *listed]}}


def _listed(content: bytes) -> Iterator[str]:
    for line in content.decode("utf-8-sig").splitlines():
        term = line.partition("#")[0].strip()
        if term:
            yield term


def _tokens_of(word: str) -> list[str]:
    return _TOKENS.findall(skeleton(Text(word).folded))


def _gate_of(firsts: set[str]) -> tuple[str, ...]:
    """Return a gate of terms' first tokens; borrowed letters open it, too."""
    import re2  # noqa: PLC0415

    borrowed = "".join(map(re2.escape, LOOKALIKES))
    words = "|".join(map(re2.escape, sorted(firsts)))
    return (f"(?i)(?:{words})", f"[{borrowed}]")
