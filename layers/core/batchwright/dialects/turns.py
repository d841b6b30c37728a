"""Converse's conversation, built message by message."""

from itertools import chain, count
from typing import Any

from batchwright.dialects.jsonl import invalid
from batchwright.media import attachments_of


class Turns:
    """A conversation in which the roles take turns, as Converse wants it: neighbours of one role are joined."""

    def __init__(self) -> None:
        """It begins empty."""
        self.system: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []

    def add(self, role: str, blocks: list[dict[str, Any]]) -> None:
        """Let a role say more."""
        if self.messages and self.messages[-1]["role"] == role:
            self.messages[-1]["content"] += blocks
        else:
            self.messages.append({"role": role, "content": blocks})

    def body(self, inference: dict[str, Any]) -> dict[str, Any]:
        """Return the request's body; settings that are ``None`` were not said."""
        _tell_documents_apart(self.messages)
        said = {name: value for name, value in inference.items() if value is not None}
        body: dict[str, Any] = {"messages": self.messages, "inferenceConfig": said}
        if self.system:
            body["system"] = self.system
        return body


def attached_to(messages: list[dict[str, Any]], at: str, record_id: str) -> tuple[str, ...]:
    """Check what goes with a conversation besides text, and return the ``s3://`` addresses in it.

    Raises :class:`RecordInvalid` for a document without a text in its turn, which Bedrock does not take; ``at`` is
    where the line has the messages.
    """
    for message in messages:
        kinds = {kind for block in message["content"] for kind in block}
        if "document" in kinds and "text" not in kinds:
            raise invalid(at, "a document needs a text beside it in its turn", record_id)
    return attachments_of(messages)


def _tell_documents_apart(messages: list[dict[str, Any]]) -> None:
    """Give every document of a request a name of its own: Bedrock takes no two of one name."""
    taken: set[str] = set()
    for document in (
        block["document"]
        for message in messages
        for block in message["content"]
        if "document" in block
    ):
        names = chain([document["name"]], (f"{document['name']} {n}" for n in count(2)))
        document["name"] = next(name for name in names if name not in taken)
        taken.add(document["name"])
