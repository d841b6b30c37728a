"""E-mail addresses."""

import re
from collections.abc import Iterator

from batchwright.filters.recognisers.recogniser import Place, Reading

_LONGEST_NAME = 64
# A name is read backwards, from the @.
_NAME = re.compile(r"(?:[\w!#$%&'*+/=?^`{|}~-]|\.(?!\.))+")
_DOMAIN = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63}){1,10}")
# What is no name's first letter, though it may be within: quotes, and what an address line puts before it.
_OUTSIDE = "'`{|}~=/?&*.-"
_LAST = re.compile(r"(?:[^\W\d_]{2,24}|xn--[0-9a-z-]+)", re.IGNORECASE)


class Emails:
    """Finds them by their @."""

    gate = (r"@[^\s@.]+\.[^\s@.]",)

    def find(self, reading: Reading) -> Iterator[Place]:
        """Yield every address whose domain has a last part that can be one."""
        text, at = reading.text, reading.text.find("@")
        while at >= 0:
            end = _domain_end(text, at + 1)
            start = _name_start(text, at)
            if start < at and end > at and not _remote(text, start, at, end):
                yield Place(start, end, "email", 0.99)
            at = text.find("@", max(end, at + 1))


def _name_start(text: str, at: int) -> int:
    """Return where the name before an @ begins; there, if there is none."""
    found = _NAME.match(text[max(0, at - _LONGEST_NAME) : at][::-1])
    start = at - found.end() if found else at
    name = text[start:at]
    for sign in ("=", "/", "{", "|"):
        start = max(start, at - len(name) + name.rfind(sign) + 1)
    while start < at and text[start] in _OUTSIDE:
        start += 1
    return start


def _domain_end(text: str, start: int) -> int:
    """Return where the domain ends that begins here; -1, if there is none."""
    found = _DOMAIN.match(text, start)
    if found is None or text[start] in "-_":
        return -1
    labels = found.group().split(".")
    while len(labels) > 1:
        if _LAST.fullmatch(labels[-1]):
            return start + len(".".join(labels))
        labels.pop()
    return -1


def _remote(text: str, start: int, at: int, end: int) -> bool:
    """Whether this is where a repository lies: ``git@example.com:team/code``."""
    return text[start:at] == "git" and text[end : end + 1] in (":", "/")
