"""Whether a request comes from where it may: its Host, its origin, its token. Pure functions."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Collection, Iterable, Mapping
from urllib.parse import urlsplit

__all__ = ["cookie_value", "host_name", "is_address", "is_allowed_host", "is_known", "is_own_origin", "is_own_page"]

_IN_NO_HOST = re.compile(r"[\s/\\?#@]")
_DEFAULT_PORTS = {"http": "80", "https": "443"}


def host_name(host: str) -> str | None:
    """Return the name in a Host header, without its port and in lower case; None if it is not one."""
    if _IN_NO_HOST.search(host):  # of these some would be left out silently
        return None
    try:
        parts = urlsplit(f"//{host}")
        name = parts.hostname
        _ = parts.port
    except ValueError:
        return None
    if not name:
        return None
    return name.rstrip(".")


def is_address(name: str) -> bool:
    """Return whether this is an IP address and no name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_allowed_host(host: str, names: Collection[str], *, any_address: bool) -> bool:
    """Return whether a Host header has one of these names, or if that is enough, an IP address."""
    name = host_name(host)
    return name is not None and (name in names or (any_address and is_address(name)))


def is_own_origin(origin: str, host: str) -> bool:
    """Return whether an Origin header is that of the server's own page, asked by this Host.

    The scheme is not compared: behind a proxy that ends TLS the server does not know it.
    """
    scheme, separator, rest = origin.partition("://")
    default = _DEFAULT_PORTS.get(scheme.lower())
    if not separator or default is None:
        return False
    return _with_port(rest, default) == _with_port(host, default)


def is_own_page(headers: Mapping[str, str], *, opens_page: bool) -> bool:
    """Return whether no other site's page sent this request, as far as the browser says.

    Args:
        headers: The request's headers, their names in lower case.
        opens_page: Whether all it can do is to open the page, which a link from anywhere may.
    """
    site = headers.get("sec-fetch-site", "none")
    linked = opens_page and (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")
    if site not in {"same-origin", "none"} and not linked:
        return False
    origin = headers.get("origin")
    return origin is None or is_own_origin(origin, headers.get("host", ""))


def cookie_value(token: str) -> str:
    """Return what the page's cookie holds in the place of the token."""
    return hmac.new(token.encode(), b"semsearch cookie", hashlib.sha256).hexdigest()


def is_known(token: str, authorization: str | None, cookies: Iterable[str]) -> bool:
    """Return whether a client has shown the token, or among its cookies the one that it was given for it."""
    scheme, _, shown = (authorization or "").partition(" ")
    by_header = scheme.lower() == "bearer" and _same(shown.strip(), token)
    known = cookie_value(token)
    by_cookie = any(_same(cookie, known) for cookie in cookies)
    return by_header or by_cookie


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode())


def _with_port(host: str, default: str) -> str:
    lower = host.lower()
    has_port = lower.rpartition("]")[2].rpartition(":")[1] == ":"
    return lower if has_port else f"{lower}:{default}"
