"""Pictures and documents in messages: from the ways in which files name them to Converse's blocks.

Data URLs (RFC 2397) and ``s3://`` addresses are taken. Nothing is fetched from elsewhere: what an address on the web
answers may change between the check and the call, and may be anybody's inner network.
"""

import binascii
import re
from collections.abc import Iterable, Iterator
from typing import Any

# docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ImageBlock.html and …_DocumentBlock.html
IMAGES = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}
DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
# Of the formats of documents, those that are no text before they are taken apart.
BINARY = ("pdf", "doc", "docx", "xls", "xlsx")
ENDINGS = {"jpg": "jpeg", "htm": "html", "markdown": "md"}
LARGEST_IMAGE = 3_750_000
LARGEST_DOCUMENT = 4_500_000
LARGEST = {"image": LARGEST_IMAGE, "document": LARGEST_DOCUMENT}
DATA_URL = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)(?:;[\w=.+-]+)*;base64,", re.ASCII)
S3_ADDRESS = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\x00-\x1f]{1,1024}")


def image_at(address: str) -> dict[str, Any]:
    """Return the block of a picture given by a data URL or an ``s3://`` address; raises :class:`ValueError`."""
    if address.startswith("s3://"):
        return {"image": _in_s3(address, set(IMAGES.values()))}
    return image_of(*_in_data_url(address))


def image_of(media_type: str, encoded: str) -> dict[str, Any]:
    """Return the block of a picture given in base64; raises :class:`ValueError`."""
    kind = IMAGES.get(media_type)
    if kind is None:
        raise ValueError("pictures are taken as png, jpeg, gif and webp")
    _check_base64(encoded, LARGEST_IMAGE)
    return {"image": {"format": kind, "source": {"bytes": encoded}}}


def document_at(address: str, name: str) -> dict[str, Any]:
    """Return the block of a document given by a data URL or an ``s3://`` address; raises :class:`ValueError`."""
    if address.startswith("s3://"):
        found = _in_s3(address, set(DOCUMENTS.values()))
        return {"document": {**found, "name": plain_name(name)}}
    return document_of(*_in_data_url(address), name)


def document_of(media_type: str, encoded: str, name: str) -> dict[str, Any]:
    """Return the block of a document given in base64; raises :class:`ValueError`."""
    kind = DOCUMENTS.get(media_type)
    if kind is None:
        raise ValueError(f"documents are taken as {', '.join(sorted(DOCUMENTS.values()))}")
    _check_base64(encoded, LARGEST_DOCUMENT)
    return {"document": {"format": kind, "name": plain_name(name), "source": {"bytes": encoded}}}


def plain_name(name: str) -> str:
    """Return a document's name as Bedrock takes it: its words, without what could be an instruction's punctuation.

    >>> plain_name("Q3_report (final).pdf")
    'Q3 report (final) pdf'
    """
    plain = " ".join(re.sub(r"[^A-Za-z0-9\-()\[\] ]", " ", name).split())
    return plain[:200].rstrip() or "document"


def attachments_of(messages: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """Return the ``s3://`` addresses in Converse messages."""
    return tuple([address for _, address in located(messages)])


def located(messages: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return what Converse messages name by ``s3://`` addresses: each one's kind of block, and the address."""
    return [
        found
        for message in messages
        for block in message["content"]
        if "text" not in block  # planning comes by for every line, and most blocks are texts
        for found in _located(block)
    ]


def with_sources(
    messages: Iterable[dict[str, Any]], sources: Iterable[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the messages with a source in the place of each address, in the order of :func:`located`."""
    rest = iter(sources)
    return [_with_sources(message, rest) for message in messages]


def _located(block: Any) -> Iterator[tuple[str, str]]:
    if kind := _kind_of(block):
        yield kind, block[kind]["source"]["s3Location"]["uri"]
    elif answer := _tool_result(block):
        for inner in answer["content"]:
            yield from _located(inner)


def _with_sources(message: dict[str, Any], rest: Iterator[dict[str, Any]]) -> dict[str, Any]:
    return {**message, "content": [_with_source(block, rest) for block in message["content"]]}


def _with_source(block: Any, rest: Iterator[dict[str, Any]]) -> Any:
    if kind := _kind_of(block):
        return {**block, kind: {**block[kind], "source": next(rest)}}
    if answer := _tool_result(block):
        return {**block, "toolResult": _with_sources(answer, rest)}
    return block


def _kind_of(block: Any) -> str | None:
    """Return the kind of a block that is named by its address; files may hold blocks of any shape."""
    match block:
        case {"text": _}:
            return None
        case {"image": {"source": {"s3Location": {"uri": str()}}}}:
            return "image"
        case {"document": {"source": {"s3Location": {"uri": str()}}}}:
            return "document"
    return None


def _tool_result(block: Any) -> dict[str, Any] | None:
    match block:
        case {"toolResult": {"content": [*_]}}:
            answer: dict[str, Any] = block["toolResult"]
            return answer
    return None


def _in_data_url(address: str) -> tuple[str, str]:
    found = DATA_URL.match(address)
    if found is None:
        raise ValueError(
            "a data URL in base64 or an s3:// address is wanted; nothing else is fetched"
        )
    return found["type"].lower(), address[found.end() :]


def _in_s3(address: str, formats: set[str]) -> dict[str, Any]:
    if S3_ADDRESS.fullmatch(address) is None:
        raise ValueError("this is no s3:// address of an object")
    ending = address.rpartition(".")[2].lower()
    kind = ENDINGS.get(ending, ending)
    if kind not in formats:
        raise ValueError(f"the object's name must end in its format: {', '.join(sorted(formats))}")
    return {"format": kind, "source": {"s3Location": {"uri": address}}}


def _check_base64(encoded: str, largest: int) -> None:
    if len(encoded) * 3 // 4 > largest + 2:
        raise ValueError(f"it is larger than the {largest:,} bytes that Bedrock takes")
    try:
        content = binascii.a2b_base64(encoded, strict_mode=True)
    except (binascii.Error, ValueError):
        raise ValueError("it is not base64") from None
    if not content:
        raise ValueError("it is empty")
