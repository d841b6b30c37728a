"""What of a job's records not every lane can do, noted while its input is read."""

from msgspec import Struct, field

from batchwright.record import Record

TOOLS = "tools"
ATTACHMENTS = "attachments"
NATIVE = "native"
WORDS = "words"


class Need(Struct, kw_only=True, omit_defaults=True):
    """How many records need something, and the line of the first."""

    records: int = 0
    line: int = 0
    told: str = ""
    """What it is in the first, where that is not always the same."""


class Needs(Struct, kw_only=True):
    """What records need, by name; of a plan that was begun by an older version nothing is known."""

    found: dict[str, Need] = field(default_factory=dict)

    def note(self, record: Record, line: int) -> None:
        """Note what a record needs: tools that Converse is told of, files beside the input, a call of InvokeModel."""
        if record.tools:
            self._count(TOOLS, line)
        if record.attachments:
            self._count(ATTACHMENTS, line)
        if record.native or record.embeds:
            self._count(NATIVE, line)

    def note_words(self, told: str, line: int) -> None:
        """Note that only Converse has words for all of a record, and for what no other has."""
        self._count(WORDS, line, told)

    def of(self, name: str) -> Need:
        """Return how many records need it."""
        return self.found.get(name) or Need()

    def _count(self, name: str, line: int, told: str = "") -> None:
        need = self.found.get(name)
        if need is None:
            need = self.found[name] = Need(line=line, told=told)
        need.records += 1
