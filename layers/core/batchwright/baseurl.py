"""Where an endpoint is: what an address must be so that prompts and keys can be sent there."""

from ipaddress import ip_address
from urllib.parse import urlsplit

LOCALHOST = "localhost"


def check_base_url(written: str) -> str:
    """Return the address of an endpoint; raises :class:`ValueError` saying what is wanted, and never what stands there.

    >>> check_base_url("https://llm.example.com/v1")
    'https://llm.example.com/v1'
    """
    if not written.isascii() or not written.isprintable() or " " in written:
        raise ValueError("an address of printable ASCII without spaces is wanted")
    try:
        parts = urlsplit(written)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("this is no address: write it as https://llm.example.com/v1") from None
    if not host:
        raise ValueError("the host is missing: write it as https://llm.example.com/v1")
    if "@" in parts.netloc:
        raise ValueError(
            "credentials have no place in an address: keep the key in Secrets Manager, and say secret:"
        )
    if parts.query or parts.fragment or written[-1] in "?#":
        raise ValueError("an address ends with its path: leave out what stands behind ? or #")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ValueError("https:// is wanted; http:// is for a loopback address only")
    return written


def is_loopback(host: str) -> bool:
    """Whether a host is this machine.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost.example.com")
    (True, True, False)
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == LOCALHOST
