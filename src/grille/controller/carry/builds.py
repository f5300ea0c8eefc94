"""Builds: what a builder is given, and what becomes of what it made."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...codec import convert, plain
from ...wire import names
from ...wire.errors import InvalidValue, NotFound
from ...wire.specs import JobSpec, Slug, Ticket
from ..changes.processes import from_commands
from ..shelf import Shelf

MARGIN = 600.0  # seconds that signed URLs live beyond the ticket's deadline


def environment(shelf: Shelf, ticket: Ticket, now: float) -> dict[str, str]:
    """The environment of the builder for ``ticket`` (docs/contracts.md, Builds); raises Unavailable without shelf."""
    until = now + (ticket.deadline or 86400.0) + MARGIN
    payload, made, cache = ticket.payload, f"builds/{ticket.id}", f"caches/{ticket.app}.tar.zst"
    env = {
        "GRILLE_SOURCE_URL": shelf.signed("GET", f"sources/{payload.get('source')}.tar.gz", until),
        "GRILLE_SLUG_URL": shelf.signed("PUT", f"{made}/slug.squashfs", until),
        "GRILLE_RESULT_URL": shelf.signed("PUT", f"{made}/result.json", until),
        "GRILLE_CACHE_GET_URL": shelf.signed("GET", cache, until),
        "GRILLE_CACHE_PUT_URL": shelf.signed("PUT", cache, until),
        "GRILLE_BUILD_ENV": json.dumps(payload.get("env") or {}),
        "SOURCE_VERSION": str(payload.get("source") or ""),
    }
    return {**env, "BUILDPACK_URL": str(payload["buildpack"])} if payload.get("buildpack") else env


def with_environment(shelf: Shelf, spec: JobSpec, ticket: Ticket, now: float) -> JobSpec:
    """The spec of a builder with its environment; raises Unavailable without shelf."""
    return replace(spec, env={**spec.env, **environment(shelf, ticket, now)})


async def publish(shelf: Shelf, ticket: Ticket, exit_code: int) -> Ticket:
    """``ticket`` as it ends, its slug moved to where agents fetch it.

    Raises:
        Unavailable: shelf does not answer; nothing is lost, do it again.
    """
    try:
        document = await shelf.document(f"builds/{ticket.id}/result.json")
    except NotFound:
        document = None
    if exit_code != 0 or not isinstance(document, dict) or "error" in document:
        return failed(ticket, document)
    try:
        result = checked(document)
        await _move(shelf, ticket, result["slug"]["digest"])
    except InvalidValue as error:
        return failed(ticket, {"error": {"code": error.code, "message": error.message, "remedy": error.remedy}})
    return replace(ticket, state="succeeded", finished=time.time(), result=result, reason="", code="", remedy="")


def checked(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a builder's result holds for us; raises InvalidValue when it cannot be a release."""
    slug = convert(Slug, document.get("slug"), what="the build's slug")
    names.check_digest(slug.digest)
    processes = document.get("processes")
    if not isinstance(processes, dict) or not processes:
        raise InvalidValue("the build gave no process types", remedy="add a Procfile", code="no_procfile")
    from_commands(processes, {})
    env = document.get("env")
    return {
        "slug": plain(slug),
        "processes": processes,
        "buildpack": str(document.get("buildpack") or ""),
        "env": env if isinstance(env, dict) else {},
    }


def failed(ticket: Ticket, document: object) -> Ticket:
    """``ticket`` as it ends with the error that the builder told, or none."""
    error = document.get("error") if isinstance(document, dict) else None
    told: dict[str, Any] = error if isinstance(error, dict) else {}
    return replace(
        ticket,
        state="failed",
        finished=time.time(),
        reason=str(told.get("message") or "the builder ended without a result"),
        code=str(told.get("code") or "build_failed"),
        remedy=str(told.get("remedy") or "see its log lines, then build it again"),
    )


async def _move(shelf: Shelf, ticket: Ticket, digest: str) -> None:
    """Move the slug, if it is what its digest says; a move done by an earlier try is fine."""
    made, slug = f"builds/{ticket.id}/slug.squashfs", f"slugs/{digest}.squashfs"
    try:
        found = await shelf.digest(made)
    except NotFound:
        await _there(shelf, slug)
        return
    if found != digest:
        raise InvalidValue(f"the slug has sha256 {found}, not {digest}", remedy="build it again", code="bad_slug")
    await shelf.move(made, slug)


async def _there(shelf: Shelf, slug: str) -> None:
    try:
        await shelf.digest(slug)
    except NotFound:
        raise InvalidValue("the builder stored no slug", remedy="build it again", code="bad_slug") from None
