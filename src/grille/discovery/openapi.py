"""The description of the interface (OpenAPI 3.1), made from the table of routes and the records."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from aiohttp import web

from .. import __version__
from .answers import Problem
from .routes import TABLE, Parameter, Route

REF = "#/components/schemas/{name}"
ERRORS = {"4XX": "what is wrong with the request", "503": "neither the store nor a saved state of it is known"}
Json = dict[str, Any]


def document(app: web.Application) -> Json:
    """The description of all that ``app`` serves."""
    table = app[TABLE]
    types = list(dict.fromkeys(_types(table)))
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    known = dict(zip(types, schemas, strict=True))
    paths: dict[str, Json] = {}
    for route in table:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, known)
    for method, path in _others(app, table):
        paths.setdefault(path, {})[method.lower()] = _bare(path)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Grille discovery", "version": __version__, "description": "See docs/bricks/discoverd.md."},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _types(table: list[Route]) -> list[type]:
    used = [kind for route in table for kind in (*route.gives.values(), *((route.body,) if route.body else ()))]
    return [Problem, *used]


def _operation(route: Route, known: dict[type, Json]) -> Json:
    answers = {str(status): _answer(route, known[kind]) for status, kind in route.gives.items()}
    answers |= {status: _problem(says, known[Problem]) for status, says in ERRORS.items()}
    operation: Json = {
        "operationId": re.sub(r"\W+", "_", f"{route.method.lower()}{route.path}").strip("_"),
        "summary": route.says,
        "parameters": [*_in_path(route.path), *map(_parameter, route.query)],
        "responses": answers,
        "security": [{"token": []}] if route.role else [],
    }
    if route.role:
        operation["x-role"] = route.role
    if route.body:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": known[route.body]}}}
    return operation


def _answer(route: Route, schema: Json) -> Json:
    content: Json = {"application/json": {"schema": schema}}
    if route.streams:
        content["text/event-stream"] = {"schema": {"type": "string"}}
    return {"description": route.says, "content": content}


def _problem(says: str, schema: Json) -> Json:
    return {"description": says, "content": {"application/problem+json": {"schema": schema}}}


def _parameter(each: Parameter) -> Json:
    if each.name.endswith("."):
        schema: Json = {"type": "object", "additionalProperties": {"type": "string"}}
        return {"name": each.name + "*", "in": "query", "description": each.says, "schema": schema}
    return {"name": each.name, "in": "query", "description": each.says, "schema": {"type": each.kind}}


def _in_path(path: str) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)", path)
    ]


def _others(app: web.Application, table: list[Route]) -> list[tuple[str, str]]:
    """Routes that other parts registered without the table."""
    known = {(route.method, route.path) for route in table}
    served = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method not in ("HEAD", "*")
    }
    return sorted(served - known)


def _bare(path: str) -> Json:
    return {"parameters": _in_path(path), "responses": {"default": {"description": "see docs/bricks/"}}}
