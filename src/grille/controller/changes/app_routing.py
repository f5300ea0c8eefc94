"""What holds for all routes of an app: maintenance, and the pages that users see when nothing else answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...wire import keys
from ...wire.errors import InvalidValue
from ...wire.names import brief
from ...wire.route_body import only
from ...wire.route_rules import check_app_routing
from ...wire.routing import AppRouting
from ..records import Records
from . import checks
from .draft import Draft

FIELDS: dict[str, tuple[type, str]] = {
    "maintenance": (bool, "true or false"),
    "error_page": (str, "HTML, or an empty string for Grille's own"),
    "maintenance_page": (str, "HTML, or an empty string for Grille's own"),
}


def put_app_routing(records: Records, name: str, body: Mapping[str, Any]) -> Draft:
    """PUT /apps/<app>/routing: the fields in ``body``; the others stay.

    Raises:
        InvalidValue (a field, a page too large), NotFound, Conflict (the app is being destroyed).
    """
    checks.existing_app(records, name, "given pages")
    only(body, tuple(FIELDS), "an app's routing")
    former = records.routing.get(name) or AppRouting(app=name)
    wish = {field: _checked(field, value) for field, value in body.items()}
    after = check_app_routing(replace(former, **wish))
    draft = Draft(records, {"routing": after, "former": former, "changed": after != former})
    if after != former:
        draft.check(keys.app(name))
        draft.put(keys.routing_app(name), after)
    return draft


def _checked(name: str, value: object) -> Any:
    kind, says = FIELDS[name]
    if not isinstance(value, kind):
        raise InvalidValue(f"{name} {brief(value)} is not valid", remedy=f"use {says}", code=f"invalid_{name}")
    return value
