"""What routes lead to: process types of apps that exist and listen."""

from __future__ import annotations

from ...wire import names
from ...wire.errors import Conflict, Unprocessable
from ...wire.route_body import process_of
from ...wire.route_table import address
from ...wire.routing import Route
from ...wire.specs import App
from ..records import Records
from . import checks


def check_process(records: Records, app: str, process: str) -> None:
    """Raise Unprocessable when the current release of ``app``, if there is one, has no such process type or port."""
    names.check_process(process)
    current = records.current(app)
    if current is None:
        return
    if process not in current.processes:
        raise checks.unknown_process(process, current.processes, f"release {current.version} of {app}")
    if not current.processes[process].port:
        raise Unprocessable(
            f"process type {process!r} of {app} listens on no port",
            remedy="route to one that does, or give it a port in settings",
            code="no_port",
        )


def target_app(records: Records, service: str) -> str:
    """The app whose process type ``service`` is, both checked.

    Raises:
        Unprocessable: no app has it, or its process type listens on no port. Conflict: the app is being destroyed.
    """
    found = _owner(records, service)
    if found is None:
        raise Unprocessable(
            f"no app has a service {service!r}",
            remedy="a target is <app>-<process type> of an app that exists; deploy it first",
            code="unknown_service",
        )
    checks.existing_app(records, found.name, "routed to")
    check_process(records, found.name, process_of(found.name, service))
    return found.name


def _owner(records: Records, service: str) -> App | None:
    """``a-b-web`` may be ``web`` of ``a-b`` or ``b-web`` of ``a``: who has such a process type goes first."""
    able = [app for app in records.apps.values() if service.startswith(f"{app.name}-")]

    def fits(app: App) -> tuple[bool, int]:
        current = records.current(app.name)
        return current is not None and process_of(app.name, service) in current.processes, len(app.name)

    return max(able, key=fits, default=None)


def check_unused(records: Records, app: str) -> None:
    """Raise Conflict when a route of another app sends some of its requests to ``app``."""
    for route in records.routes.values():
        for target in route.targets if route.app != app else ():
            owner = _owner(records, target.service)
            if target.weight and owner is not None and owner.name == app:
                raise Conflict(
                    f"route {route.id!r} ({address(route)}) of app {route.app!r} sends requests to {target.service}",
                    remedy="take it out of that route's targets first, or give it weight 0",
                    code="app_in_use",
                )


def own_process(records: Records, route: Route) -> None:
    """Check the process type of a route's own service; a route that only redirects needs none."""
    if route.redirect is None:
        check_process(records, route.app, process_of(route.app, route.service))
