"""What HAProxy should hold, kept in step with the store change by change: what a change costs depends on what it
touches, not on all there is. No I/O; a bad record is left out and named, never fatal."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterable

from ..store import Event
from ..wire import keys
from ..wire.discovery import LeaderRule, ServiceSettings, may_lead
from ..wire.routing import AppRouting, Challenge, Route
from . import variant
from .claims import Claims, addresses_of
from .lead import Lead, encode, options_of
from .model import Address, Slice, Wanted
from .pages import one_line
from .records import PROTOCOLS, Record, Registered, read, shortened
from .variant import Variant


class Table:
    """The records of ``keys.ROUTING``, and what of them changed since the last ``changes()``.

    ``refused``: key in the store to the reason why its record is left out.
    """

    def __init__(self) -> None:
        self.refused: dict[str, str] = {}
        self._records: dict[str, Record] = {}
        self._claims = Claims()
        self._instances: dict[str, dict[str, Registered]] = defaultdict(dict)
        self._rules: dict[str, LeaderRule] = {}
        self._apps: dict[str, AppRouting] = {}
        self._leads: dict[str, Lead] = {}  # by the keys of routes, made when first asked for
        self._by_app: dict[str, set[str]] = defaultdict(set)  # app: keys of its routes
        self._users: dict[str, dict[str, Variant]] = defaultdict(dict)  # service: variant's name: what routes ask for
        self._counts: dict[str, set[str]] = defaultdict(set)  # variant's name: keys of the routes that lead to it
        self._services: set[str] = set()  # changed
        self._routes: set[str] = set()  # changed
        self._gone: set[str] = set()  # variants that no route leads to any more
        self._addresses: set[Address] = set()  # changed

    def apply(self, events: Iterable[Event]) -> None:
        """Take in changes of the store."""
        for event in events:
            self._forget(event.entry.key)
            if event.kind == "put":
                record = read(event.entry)
                if isinstance(record, str):
                    if record:
                        self.refused[event.entry.key] = record
                else:
                    self._learn(event.entry.key, record)

    def touch(self, names: Iterable[str]) -> None:
        """Let ``changes`` hold the variants called ``names`` again."""
        self._services.update(name.split(variant.MARK)[0] for name in names)

    def changes(self) -> Slice:
        """What changed since the last call."""
        for service in self._services:
            for name in self._users.get(service, ()):
                self._routes |= self._counts[name]
        slice_ = self._slice(self._services, self._routes, self._addresses)
        for name in self._gone:
            slice_.variants.setdefault(name, None)
        self._services, self._routes, self._gone, self._addresses = set(), set(), set(), set()
        return slice_

    def everything(self) -> Slice:
        """All that HAProxy should hold; nothing counts as changed after it."""
        slice_ = self._slice(
            self._users.keys(), self._claims.keys(), {page for app in self._apps for page in _pages(app)}
        )
        self._services, self._routes, self._gone, self._addresses = set(), set(), set(), set()
        return slice_

    def instance(self, service: str, ident: str) -> Registered | None:
        """The instance ``ident`` of ``service``, if it is one that HAProxy can be told of."""
        return self._instances.get(service, {}).get(ident)

    def routes_of(self, names: Iterable[str]) -> set[str]:
        """The keys of the routes that lead to the variants called ``names``."""
        return set().union(*(self._counts.get(name, set()) for name in names))

    def wants_passthrough(self) -> bool:
        """Whether any route passes TLS through."""
        return self._claims.passed_through > 0

    def _learn(self, key: str, record: Record) -> None:
        self._records[key] = record
        if isinstance(record, Registered):
            self._instances[record.instance.service][record.instance.id] = record
            self._services.add(record.instance.service)
        elif isinstance(record, ServiceSettings):
            service = key.split("/")[1]
            self._rules[service] = record.leader
            self._services.add(service)
        elif isinstance(record, AppRouting):
            self._apps[record.app] = record
            self._app_changed(record.app)
        elif isinstance(record, Challenge):
            self._addresses |= self._claims.add(key, record, self.refused)
        else:
            self._add_route(key, record)

    def _forget(self, key: str) -> None:
        self.refused.pop(key, None)
        self._leads.pop(key, None)
        record = self._records.pop(key, None)
        if record is None:
            return
        if isinstance(record, Registered):
            del self._instances[record.instance.service][record.instance.id]
            self._services.add(record.instance.service)
        elif isinstance(record, ServiceSettings):
            service = key.split("/")[1]
            self._rules.pop(service, None)
            self._services.add(service)
        elif isinstance(record, AppRouting):
            self._apps.pop(record.app, None)
            self._app_changed(record.app)
        else:
            self._addresses |= self._claims.remove(key, self.refused)
            if isinstance(record, Route):
                self._remove_route(key, record)

    def _app_changed(self, app: str) -> None:
        for key in self._by_app.get(app, ()):
            self._leads.pop(key, None)
            self._routes.add(key)
        self._addresses |= _pages(app)

    def _add_route(self, key: str, route: Route) -> None:
        self._by_app[route.app or route.service].add(key)
        for kind in _variants(route):
            self._users[kind.service][kind.name] = kind
            self._counts[kind.name].add(key)
            self._gone.discard(kind.name)
            self._services.add(kind.service)
        self._addresses |= self._claims.add(key, route, self.refused)
        self._routes.add(key)

    def _remove_route(self, key: str, route: Route) -> None:
        self._by_app[route.app or route.service].discard(key)
        for kind in _variants(route):
            self._counts[kind.name].discard(key)
            if not self._counts[kind.name]:
                del self._counts[kind.name]
                del self._users[kind.service][kind.name]
                self._gone.add(kind.name)

    def _slice(self, services: Iterable[str], routes: Iterable[str], addresses: set[Address]) -> Slice:
        made = Slice()
        for service in services:
            for kind in self._users.get(service, {}).values():
                made.variants[kind.name] = self._servers(kind)
        claimed = (addresses_of(self._records[key]) for key in routes if key in self._records)
        for address in addresses.union(*claimed):
            made.entries[address] = self._entry(address)
        return made

    def _servers(self, kind: Variant) -> dict[str, Wanted]:
        present = self._instances.get(kind.service, {})
        if kind.leader:
            rule = self._rules.get(kind.service, LeaderRule())
            able = [each for each in present.values() if may_lead(rule, each.instance)]
            leader = min(able, key=lambda each: each.rank, default=None)
            present = {leader.instance.id: leader} if leader else {}
        return {ident: each.wanted for ident, each in present.items() if self._speaks(kind, each)}

    def _speaks(self, kind: Variant, each: Registered) -> bool:
        protocol = each.instance.protocol
        key = keys.instance(each.instance.service, each.instance.id)
        wrong = not kind.tcp and (protocol not in PROTOCOLS or (PROTOCOLS[protocol] and not kind.h2c))
        if wrong:
            wanted = "h2c" if kind.h2c else "http"
            self.refused[key] = shortened(f"a route of protocol {wanted} cannot lead to {protocol!r}")
        elif self.refused.get(key, "").startswith("a route of protocol"):
            del self.refused[key]
        return not wrong

    def _entry(self, address: Address) -> Lead | str | None:
        if address[0] == "pages":
            return self._page(address[1])
        key = self._claims.holder(address)
        record = self._records.get(key) if key else None
        if isinstance(record, Challenge):
            return Lead("acme", (), encode({"reply": record.answer, "id": "acme"}))
        if key is None or not isinstance(record, Route):
            return None
        if key not in self._leads:
            self._leads[key] = self._lead(record)
        return self._leads[key]

    def _lead(self, route: Route) -> Lead:
        app = route.app or route.service
        options = options_of(route, self._apps.get(app)) if route.kind == "http" else ""
        return Lead(app, _targets(route), options)

    def _page(self, name: str) -> str | None:
        app, _, kind = name.partition("/")
        record = self._apps.get(app)
        text = "" if record is None else record.error_page if kind == "error" else record.maintenance_page
        return base64.b64encode(one_line(text).encode()).decode() if text else None


def _targets(route: Route) -> tuple[tuple[int, str], ...]:
    own = variant.variant_of(route, route.service).name
    if not route.targets:
        return ((1, own),)
    others = ((each.weight, variant.variant_of(route, each.service).name) for each in route.targets)
    return ((route.weight, own), *others)


def _variants(route: Route) -> list[Variant]:
    services = [route.service, *(target.service for target in route.targets)]
    return [variant.variant_of(route, service) for service in services]


def _pages(app: str) -> set[Address]:
    return {("pages", f"{app}/error"), ("pages", f"{app}/maintenance")}
