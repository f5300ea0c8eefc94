# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Routes between a task's options and the controller's API; and the wait until routers have them. Mostly pure."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from .grille.client import Client
from .grille.errors import Failed
from .grille.names import check_app
from .grille.route_body import FIELDS, body_of, draw_route, plain_host, read_route
from .grille.route_rules import check_host, check_path
from .grille.route_table import table
from .grille.routing import Route
from .grille_module import until

Record = dict[str, Any]
RENAMED = {"first_byte_timeout": "timeout"}  # every module has a ``timeout`` of its own
LOOK = 5.0  # seconds that one question waits for routers
ANY_PORT = 1  # stands for the port that the controller will choose


def options() -> Record:
    """The options of ``grille_route`` that describe a route; none has a default, for what is left out may stay."""
    parts: Record = {
        "targets": {
            "type": "list",
            "elements": "dict",
            "options": {
                "app": {"type": "str"},
                "process": {"type": "str"},
                "weight": {"type": "int", "required": True},
            },
        },
        "redirect": {"type": "dict", "options": {"to": {"type": "str", "required": True}, "code": {"type": "int"}}},
        "headers": {"type": "dict", "options": {"request": {"type": "dict"}, "response": {"type": "dict"}}},
        "limits": {
            "type": "dict",
            "options": {"body": {"type": "int"}, "rate": {"type": "float"}, "concurrency": {"type": "int"}},
        },
        "kind": {"type": "str", "choices": ["http", "tcp", "tls"]},
        "protocol": {"type": "str", "choices": ["http", "h2c"]},
        "client_certificate": {"type": "str", "choices": ["none", "optional", "required"]},
    }
    kinds = {
        "str": ("host", "path", "app", "process"),
        "int": ("port", "weight", "hsts"),
        "float": ("first_byte_timeout", "idle_timeout"),
        "bool": ("strip", "leader", "sticky", "proxy_protocol", "compress", "https_only", "resend"),
    }
    return {**{name: {"type": kind} for kind, names in kinds.items() for name in names}, **parts}


def asked(params: Record) -> Record:
    """The body of a request that asks for what the task's options say."""
    named = {RENAMED.get(name, name): params[name] for name in options()}
    body = {name: _given(value) for name, value in named.items() if value is not None}
    if "headers" in body:
        body["headers"] = {way: _texts(table) for way, table in body["headers"].items()}
    return body


def _given(value: Any) -> Any:
    """A value without the parts that were not given."""
    if isinstance(value, list):
        return [_given(one) for one in value]
    return {name: one for name, one in value.items() if one is not None} if isinstance(value, dict) else value


def _texts(headers: Record) -> Record:
    """Headers with values of text: YAML makes numbers of what looks like one, and null of nothing."""
    return {str(name): "" if value is None else str(value) for name, value in headers.items()}


def from_api(shown: Record) -> Route:
    """The record in an answer of the API."""
    body = {name: shown[name] for name in FIELDS if name in shown}
    return draw_route(shown["id"], body, shown["created"])


def wanted(ident: str, body: Record, former: Record | None, merge: bool) -> Route:
    """The route that ``body`` asks for, checked; over ``former`` when fields that are not given stay.

    Raises:
        InvalidValue: naming the field, the value and what would be right.
    """
    kept = body_of(from_api(former)) if former and merge else {}
    port = former["port"] if former and former["kind"] == "tcp" else ANY_PORT
    return read_route(ident, {**kept, **body}, former["created"] if former else 0.0, port)


def place(params: Record) -> str:
    """The address that the options name; empty when they leave it to the route that ``id`` names.

    Raises:
        InvalidValue: the host or the path is not valid.
    """
    kind = params["kind"] or "http"
    if kind == "tcp":
        return f"tcp {params['port']}" if params["port"] else ""
    if params["host"] is None:
        return ""
    host = check_host(plain_host(params["host"]))
    return f"tls {host}" if kind == "tls" else f"{host}{check_path(params['path'] or '/')}"


def identify(params: Record, routes: list[Record]) -> str:
    """The id of the route that the options are about: given, or of the route at the address, or made of the address."""
    where = place(params)
    if params["id"]:
        return str(params["id"])
    found = next((route["id"] for route in routes if where and route["address"] == where), "")
    if not where:
        where = f"tcp {check_app(params['app'])}-{params['process'] or 'web'}"
    return found or made_id(where)


def made_id(where: str) -> str:
    """The id of a route at ``where``: a DNS label, the same for the same address."""
    words = re.sub(r"[^a-z0-9]+", "-", where.lower()).strip("-")
    return f"{words[:54].strip('-')}-{hashlib.sha256(where.encode()).hexdigest()[:8]}"


def difference(before: Route | None, after: Route | None) -> Record:
    """Both as rows of the table of routes, for Ansible's ``diff``."""
    return {"before": table([before] if before else []), "after": table([after] if after else [])}


def settled(module: AnsibleModule, api: Client, path: str, what: str) -> Record:
    """What is at ``path`` once every live router reflects it, within the task's ``wait_timeout``.

    Raises:
        Failed: a router leaves it out. TimedOut: some do not say that they reflect it.
    """
    seconds, seen = module.params["wait_timeout"], Record()

    def left() -> list[str]:
        seen.update(api.get(path, wait=max(0.0, min(LOOK, seconds))))
        for router, word in seen["status"].items():
            if word.startswith("refused"):
                raise Failed(f"router {router} leaves {what} out: {word.partition(': ')[2]}", code="route_refused")
        return [
            f"router {router} does not reflect it yet" for router, word in seen["status"].items() if word == "pending"
        ]

    until(left, what, seconds)
    if not seen["status"]:
        module.warn(f"no router is live: {what} is stored, and nobody carries it out")
    return seen
