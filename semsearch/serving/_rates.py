"""How often each client may ask: buckets of tokens that fill up again."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

__all__ = ["Rates", "client_key"]

_MOST_CLIENTS = 10_000  # are remembered; the one that asked longest ago is forgotten first


def client_key(address: str) -> str:
    """Return what a client is counted by: its address, of IPv6 the network that one customer has."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((int(ip) >> 64 << 64, 64)).network_address)
    return str(ip)


class Rates:
    """A bucket for each client: ``burst`` requests are in it at most, and ``rate`` a second come back."""

    def __init__(self, rate: float, burst: int, *, clock: Callable[[], float] = monotonic) -> None:
        self.rate = rate
        self.burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many clients are remembered."""
        return len(self._buckets)

    def wait(self, client: str) -> float:
        """Take a request out of the client's bucket; return 0, or the seconds until there is one if it is empty."""
        if not self.rate:
            return 0.0
        now = self._clock()
        left, since = self._buckets.pop(client, (float(self.burst), now))
        left = min(self.burst, left + (now - since) * self.rate)
        allowed = left >= 1
        self._buckets[client] = (left - 1 if allowed else left, now)
        if len(self._buckets) > _MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self.rate
