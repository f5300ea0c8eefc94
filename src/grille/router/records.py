"""The store's entries read into records that HAProxy can be told of. Pure; each wrong one gives its reason."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from ..codec import decode
from ..store import Entry
from ..wire import keys
from ..wire.discovery import SETTINGS, ServiceSettings
from ..wire.errors import InvalidValue
from ..wire.route_rules import check_app_routing, check_host, check_route
from ..wire.routing import AppRouting, Challenge, Route
from ..wire.specs import Instance
from .model import Endpoint, Wanted

SERVER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}\Z")
TOKEN = re.compile(r"[A-Za-z0-9_.-]{1,400}\Z")  # of ACME: base64url, and a dot between token and thumbprint
MOST_WEIGHT = 256  # HAProxy's
MOST_REASON = 300
PROTOCOLS = {"http": False, "ws": False, "h2c": True, "grpc": True}  # of instances that HTTP routes may lead to


@dataclass(frozen=True)
class Registered:
    """An instance, as a server; ``rank`` sorts the oldest first, as discoverd does."""

    instance: Instance
    wanted: Wanted
    rank: tuple[float, int, str]


Record = Route | AppRouting | Challenge | Registered | ServiceSettings


def read(entry: Entry) -> Record | str:
    """The valid record in ``entry``, or the reason why it cannot be used; an empty reason: not meant for routers."""
    key = entry.key
    try:
        if key.startswith(keys.ROUTES):
            return _route(key, check_route(decode(Route, entry.value)))
        if key.startswith(keys.ROUTING_APPS):
            return _app(key, check_app_routing(decode(AppRouting, entry.value)))
        if key.startswith(keys.CHALLENGES):
            return _challenge(key, decode(Challenge, entry.value))
        if key.startswith(keys.SERVICES):
            return _service(entry)
    except InvalidValue as error:
        return shortened(error.message)
    return ""


def shortened(reason: str) -> str:
    """A reason as routers publish it: one line, of a length that a thousand of them can have."""
    line = "".join(sign if sign.isprintable() else "?" for sign in reason)
    return line if len(line) <= MOST_REASON else f"{line[: MOST_REASON - 60]}… {line[-58:]}"


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


def _route(key: str, route: Route) -> Route:
    if keys.route(route.id) != key:
        raise InvalidValue(f"the record says route {route.id!r}")
    return route


def _app(key: str, record: AppRouting) -> AppRouting:
    if keys.routing_app(record.app) != key:
        raise InvalidValue(f"the record says app {record.app!r}")
    return record


def _challenge(key: str, record: Challenge) -> Challenge:
    if keys.challenge(check_host(record.host)) != key:
        raise InvalidValue(f"the record says host {record.host!r}")
    if not TOKEN.match(record.token) or not TOKEN.match(record.answer):
        raise InvalidValue("token and answer of a challenge are base64url")
    return record


def _service(entry: Entry) -> Registered | ServiceSettings:
    if entry.key.endswith(f"/{SETTINGS}"):
        return decode(ServiceSettings, entry.value)
    instance = decode(Instance, entry.value)
    if keys.instance(instance.service, instance.id) != entry.key:
        raise InvalidValue(f"the record says {instance.service}/{instance.id}")
    if not SERVER_NAME.match(instance.id):
        raise InvalidValue(f"instance id {instance.id!r} is not valid")
    weight = instance.metadata.get("weight", "100")
    if not weight.isdecimal() or int(weight) > MOST_WEIGHT:
        raise InvalidValue(f"weight {weight!r} is not valid: use 0 to {MOST_WEIGHT}")
    wanted = Wanted(endpoint(instance), int(weight))
    return Registered(instance, wanted, (instance.created, entry.create_revision, instance.id))
