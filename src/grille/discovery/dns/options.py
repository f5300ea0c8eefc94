"""The settings of the DNS server, checked: pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

import dns.name
from dns.exception import DNSException

from ...service.settings import Settings
from ...wire.errors import InvalidValue
from .upstreams import Endpoint, endpoint

# Loopback, private and link-local addresses (RFC 1918, 3927, 4193, 4291, 6598): the grid's own machines and jobs.
CLIENTS = "127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,169.254.0.0/16,::1/128,fc00::/7,fe80::/10"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, kw_only=True)
class Options:
    """How DNS is served.

    ``upstreams``: who is asked about other names (None: whom /etc/resolv.conf names). ``clients``: for whom.
    """

    host: str
    address: str
    port: int
    domain: dns.name.Name
    upstreams: list[Endpoint] | None
    clients: list[Network]


def options(settings: Settings) -> Options | None:
    """The server's options, None when ``GRILLE_DNS_PORT`` is 0 or not set; raises InvalidValue."""
    port = settings.integer("DNS_PORT", 0)
    if not port:
        return None
    if port > 65535:
        raise InvalidValue(f"GRILLE_DNS_PORT is {port}", remedy="use a port from 1 to 65535, or 0 for no DNS")
    servers = settings.words("DNS_FORWARD_TO")
    return Options(
        host=settings.host,
        address=settings.address,
        port=port,
        domain=_domain(settings.text("DNS_DOMAIN", "grille")),
        upstreams=([] if servers == ["none"] else [endpoint(each) for each in servers]) if servers else None,
        clients=[_network(each) for each in settings.words("DNS_FORWARD_FOR", CLIENTS)],
    )


def _domain(text: str) -> dns.name.Name:
    try:
        name = dns.name.from_text(text.lower())
    except (DNSException, ValueError):
        name = dns.name.root
    if name == dns.name.root:
        raise InvalidValue(f"GRILLE_DNS_DOMAIN is {text!r}", remedy="use a DNS name like grille")
    return name


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise InvalidValue(
            f"GRILLE_DNS_FORWARD_FOR names {text!r}", remedy="use networks like 10.0.0.0/8, separated by commas"
        ) from None
