"""The URL of a database, which may name several hosts."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlencode, urlsplit


def hosts(url: str) -> list[str]:
    """Split a URL that names several hosts, in its authority or in its query, into one URL per host.

    Raises `ValueError` if the number of ports does not match the number of hosts.
    """
    # urlsplit() is not used: newer versions of Python reject a URL with several hosts if one is in brackets.
    scheme, mark, rest = url.partition("://")
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    account, at, addresses = authority.rpartition("@")
    if addresses:
        path = rest.removeprefix(authority)
        return [f"{scheme}{mark}{account}{at}{address}{path}" for address in addresses.split(",")]
    parts = urlsplit(url)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    names, ports = query.get("host", "").split(","), query.get("port", "").split(",")
    if len(names) == 1:
        return [url]
    if len(ports) not in (1, len(names)):
        raise ValueError("should name one port, or one for each host")
    return [
        parts._replace(query=urlencode({**query, "host": name, "port": port})).geturl()
        for name, port in zip(names, ports if len(ports) > 1 else ports * len(names), strict=True)
    ]
