"""From the store's entries to what HAProxy should hold. Pure; a bad record is left out and named, never fatal."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

from ..codec import decode
from ..store import Entry
from ..wire import keys
from ..wire.errors import InvalidValue
from ..wire.names import check_hostname, check_label
from ..wire.routing import Route
from ..wire.specs import Instance
from .model import Desired, Endpoint, Service
from .pool import CLASS_OF_PROTOCOL

SERVER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}\Z")
PATH = re.compile(r"/[A-Za-z0-9._~!$&()*+,=:@%/-]{0,1023}\Z")  # nothing that HAProxy's command line would split


class Reader:
    """Reads entries into ``Desired``; each version of an entry is decoded once."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, Route | Instance | str]] = {}

    def desired(self, entries: Mapping[str, Entry]) -> Desired:
        """What HAProxy should hold for the ``entries`` of ``keys.ROUTING``."""
        records = {key: self._record(entry) for key, entry in entries.items()}
        for gone in self._seen.keys() - entries.keys():
            del self._seen[gone]
        refused = {key: record for key, record in records.items() if isinstance(record, str) and record}
        routes = {key: record for key, record in records.items() if isinstance(record, Route)}
        instances = {key: record for key, record in records.items() if isinstance(record, Instance)}
        table = _routes(routes, refused)
        return Desired(table, _services(set(table.values()), instances, refused), refused)

    def _record(self, entry: Entry) -> Route | Instance | str:
        known = self._seen.get(entry.key)
        if known is None or known[0] != entry.mod_revision:
            known = (entry.mod_revision, read(entry))
            self._seen[entry.key] = known
        return known[1]


def read(entry: Entry) -> Route | Instance | str:
    """The valid record in ``entry``, or the reason why it cannot be used; an empty reason: not meant for routers."""
    try:
        if entry.key.startswith(keys.ROUTES):
            return _checked_route(decode(Route, entry.value))
        if entry.key.startswith(keys.SERVICES) and not entry.key.endswith("/.settings"):
            return _checked_instance(decode(Instance, entry.value), entry.key)
    except InvalidValue as error:
        return error.message
    return ""


def map_key(host: str, path: str) -> str:
    """The key of a route in HAProxy's map: the host and the path, ending in one ``/``."""
    return f"{host}{path.rstrip('/')}/"


def _checked_route(route: Route) -> Route:
    check_hostname(route.host)
    check_label("service", route.service)
    if not PATH.match(route.path):
        raise InvalidValue(f"path {route.path!r} is not valid")
    return route


def _checked_instance(instance: Instance, key: str) -> Instance:
    if keys.instance(instance.service, instance.id) != key:
        raise InvalidValue(f"the record says {instance.service}/{instance.id}")
    if not SERVER_NAME.match(instance.id):
        raise InvalidValue(f"instance id {instance.id!r} is not valid")
    endpoint(instance)
    return instance


def endpoint(instance: Instance) -> Endpoint:
    """Where ``instance`` listens; raises InvalidValue for an address that is no IP address or a port out of range."""
    try:
        address = ipaddress.ip_address(instance.address)
    except ValueError:
        raise InvalidValue(f"address {instance.address!r} is not an IP address") from None
    if address.is_unspecified or address.is_multicast or "%" in instance.address:
        raise InvalidValue(f"address {instance.address!r} cannot be a server's")
    if not 0 < instance.port < 65536:
        raise InvalidValue(f"port {instance.port} is out of range")
    return Endpoint(str(address), instance.port)


def _routes(routes: Mapping[str, Route], refused: dict[str, str]) -> dict[str, str]:
    """Map keys to services; of two routes for the same host and path the older one stands."""
    table: dict[str, str] = {}
    owner: dict[str, str] = {}
    for key, route in sorted(routes.items(), key=lambda item: (item[1].created, item[0])):
        wanted = map_key(route.host, route.path)
        if wanted in table:
            refused[key] = f"{wanted} is taken by {owner[wanted]}"
            continue
        table[wanted], owner[wanted] = route.service, key
    return table


def _services(routed: set[str], instances: Mapping[str, Instance], refused: dict[str, str]) -> dict[str, Service]:
    services: dict[str, Service] = {name: Service() for name in routed}
    for key, instance in instances.items():
        service = services.get(instance.service)
        if service is None:
            continue
        pool = CLASS_OF_PROTOCOL.get(instance.protocol, "")
        if pool != service.pool:
            refused[key] = f"protocol {instance.protocol!r} cannot be routed"
            continue
        service.servers[instance.id] = endpoint(instance)
    return services
