import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.errors import Refused
from batchwright.lines import LONGEST_LINE
from batchwright.unfolding.requests import is_requests_body, requests

BOM = b"\xef\xbb\xbf"
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
REQUESTS = st.lists(st.dictionaries(st.text(max_size=8), VALUES, max_size=4), max_size=6)
SEPARATORS = st.sampled_from([(",", ":"), (", ", ": "), (" ,\r\n", "\t:\n")])


def cut(content: bytes, size: int) -> Iterator[bytes]:
    return (content[place : place + size] for place in range(0, len(content), size))


def unfolded(content: bytes, size: int = 7) -> list[bytes]:
    return list(requests(cut(content, size)))


@given(
    listed=REQUESTS,
    size=st.integers(1, 200),
    indent=st.none() | st.integers(0, 4),
    separators=SEPARATORS,
    ascii_only=st.booleans(),
)
def test_any_layout_and_any_blocks_give_the_same_requests_in_order(
    listed: list[dict[str, Any]],
    size: int,
    indent: int | None,
    separators: tuple[str, str],
    ascii_only: bool,
) -> None:
    content = json.dumps(
        {"requests": listed}, indent=indent, separators=separators, ensure_ascii=ascii_only
    ).encode("utf-8", "surrogatepass")

    found = unfolded(content, size)

    assert [json.loads(line) for line in found] == listed
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in found)


def test_a_number_stays_as_it_is_written() -> None:
    content = (
        b'{"requests": [{"a": 1, "b": 1.50, "c": 1E5, "d": 18446744073709551616, "e": 1e999}]}'
    )

    assert unfolded(content) == [b'{"a":1,"b":1.50,"c":1E5,"d":18446744073709551616,"e":1e999}\n']


def test_brackets_and_quotes_in_texts_end_nothing() -> None:
    listed = [{"a": 'x"]},{"'}, {"b": "\\"}, {"c": '\\"}]'}, {'"]': 1}]

    assert [
        json.loads(line) for line in unfolded(json.dumps({"requests": listed}).encode())
    ] == listed


def test_what_is_no_object_goes_on_to_be_refused_by_its_number() -> None:
    assert unfolded(b'{"requests": [1, null, "x", [2], {}]}') == [
        b"1\n",
        b"null\n",
        b'"x"\n',
        b"[2]\n",
        b"{}\n",
    ]


@pytest.mark.parametrize("content", [b'{"requests":[]}', b' {"requests" : [ ] } \n'])
def test_an_empty_list_holds_nothing(content: bytes) -> None:
    assert unfolded(content) == []


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "unknown_dialect"),
        (b"[]", "unknown_dialect"),
        (b'{"requests": {"canary": 1}}', "unknown_dialect"),
        (b'{"other": [{"canary": 1}]}', "unknown_dialect"),
        (b" " * 200_000 + b'{"requests": []}', "unknown_dialect"),
        (b'{"requests": [{"canary": 1}', "invalid_json_line"),
        (b'{"requests": [{"canary": 1}]', "invalid_json_line"),
        (b'{"requests": [{"canary": "1}]}', "invalid_json_line"),
        (b'{"requests": [{"canary": 1}}', "invalid_json_line"),
        (b'{"requests": [{"canary": 1]]}', "invalid_json_line"),
        (b'{"requests": [{"canary": 1},]}', "invalid_json_line"),
        (b'{"requests": [,{"canary": 1}]}', "invalid_json_line"),
        (b'{"requests": [{"canary": 1} {"canary": 2}]}', "invalid_json_line"),
        (b'{"requests": [{"canary": tru}]}', "invalid_json_line"),
        (b'{"requests": [{"canary": NaN}]}', "invalid_json_line"),
        (b'{"requests": [{"canary": "a\nb"}]}', "invalid_json_line"),
        (b'{"requests": [{"canary": "\\ud800"}]}', "invalid_json_line"),
        (b'{"requests": [{"canary": 1}]} {"requests": []}', "invalid_json_line"),
        (b'{"requests": [{"canary": 1}], "canary": 1}', "invalid_json_line"),
        (b'{"requests": [' + b"[" * 100_000 + b"]" * 100_000 + b"]}", "invalid_json_line"),
        (b'{"requests": [' + b"[" * 100_000, "invalid_json_line"),
    ],
)
def test_a_body_that_is_none_is_refused_without_its_content(content: bytes, code: str) -> None:
    with pytest.raises(Refused) as caught:
        unfolded(content, 4096)

    assert caught.value.code == code
    assert "canary" not in str(caught.value)


def test_the_requests_before_the_fault_have_come_already() -> None:
    lines = requests([b'{"requests": [{"a": 1}, {"b": tru}]}'])

    assert next(lines) == b'{"a":1}\n'
    with pytest.raises(Refused, match="request 2 of the list"):
        next(lines)


@pytest.mark.parametrize("ended", [True, False])
def test_a_request_longer_than_the_longest_line_is_refused(ended: bool) -> None:
    blocks = [b'{"requests": [{"a": "', *[b"x" * 1_000_000] * 25, b'"}]}' if ended else b""]

    with pytest.raises(Refused, match="request 1 of the list is longer"):
        list(requests(blocks))


def test_memory_does_not_grow_with_the_file() -> None:
    request = json.dumps({"custom_id": "a", "params": {"text": "x" * 1000}}).encode()

    def blocks() -> Iterator[bytes]:
        yield b'{"requests": ['
        for _ in range(200):
            yield (request + b", ") * 100
        yield request + b"]}"

    tracemalloc.start()
    count = sum(1 for _ in requests(blocks()))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 20_001
    assert most < 2_000_000


def test_a_long_request_in_small_blocks_is_not_looked_at_once_a_block() -> None:
    content = b'{"requests": [{"a": "' + b"x" * (LONGEST_LINE // 4) + b'"}]}'

    assert len(unfolded(content, 1024)) == 1


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (b'{"requests":[', True),
        (BOM + b'\r\n\t{ "requests"\n:\n[{"custom', True),
        (b'{"requests":{', False),
        (b'{"requests"', False),
        (b'{"custom_id":"a","params":{"requests":[]}}', False),
        (b'[{"requests":[', False),
        (b"", False),
    ],
)
def test_a_whole_body_is_told_by_its_beginning(head: bytes, told: bool) -> None:
    assert is_requests_body(head) is told
