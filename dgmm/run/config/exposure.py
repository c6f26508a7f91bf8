"""Which addresses may be read by others on the way."""

import ipaddress
import re

_ADDRESS = re.compile(r"(?:(?P<protocol>[a-z]+)://)?(?P<host>\[[^\]]*\]|[^/:]*)")
_ENCRYPTED = frozenset({"tls", "wss", "https"})


def is_exposed(address: str) -> bool:
    """Whether others may read the traffic to an address: not encrypted, not on this host.

    >>> [is_exposed(a) for a in ("tcp://10.0.0.7:8786", "node7:8786", "tls://10.0.0.7:8786")]
    [True, True, False]
    >>> [is_exposed(a) for a in ("tcp://127.0.0.1:8786", "[::1]:8786", "http://localhost")]
    [False, False, False]
    """
    match = _ADDRESS.match(address)
    if match is None or match["protocol"] in _ENCRYPTED:
        return match is None
    host = match["host"].strip("[]")
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"
