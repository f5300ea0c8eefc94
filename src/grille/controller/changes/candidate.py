"""The release that a request asks for: which code, which configuration, which process types."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...codec import convert
from ...service.http import not_found
from ...service.sealing import Keyring
from ...wire.errors import InvalidValue, Unprocessable
from ...wire.names import RESERVED_VARIABLES, VARIABLE
from ...wire.specs import Release, Slug, Ticket
from ..records import Records
from . import checks
from .config_choice import Choice, choose
from .config_wish import Wish, variables
from .processes import from_commands, with_settings

KEYS = ("build", "image", "from_release", "processes", "env", "secrets", "scale", "settings", "description")
IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}\Z")


def candidate(
    records: Records, app: str, body: Mapping[str, Any], base: Release | None, now: float, keyring: Keyring
) -> tuple[Release, Choice]:
    """The release that ``body`` makes upon ``base``, the newest one, and its configuration; its version is still to
    be given.

    Raises:
        InvalidValue, NotFound, Unprocessable: with what to give instead. Unavailable: no key to seal secrets with.
    """
    checks.only(body, KEYS)
    given = variables(body, "env", "secrets")
    code = replace(_code(records, app, body, base), app=app, version=0, created=now)
    processes = with_settings(code.processes, checks.mapping(body, "settings"), f"this release of {app}")
    said = checks.text(body, "description") or describe(body, {**given["env"], **given["secrets"]}, code)
    wish = Wish(values=given["env"], secrets=given["secrets"], description=said)
    former = body.get("from_release")
    back_to = records.releases[(app, former)] if former is not None else None
    defaults = _defaults(records, body.get("build"))
    choice = choose(records, app, base, wish, keyring, now, defaults=defaults, back_to=back_to)
    return choice.release(replace(code, processes=processes, description=said), base, keyring), choice


def describe(body: Mapping[str, Any], changes: Mapping[str, object], release: Release) -> str:
    """What a release is about, when the user does not say it."""
    if body.get("from_release") is not None:
        return f"back to v{body['from_release']}"
    if body.get("build"):
        return f"deploy {release.source[:12]}"
    if body.get("image"):
        return f"image {release.image}"
    if changes:
        return f"env {', '.join(sorted(changes))}"
    return "settings"


def _code(records: Records, app: str, body: Mapping[str, Any], base: Release | None) -> Release:
    given = [key for key in ("build", "image", "from_release") if body.get(key) is not None]
    if len(given) > 1:
        raise InvalidValue(f"both {given[0]} and {given[1]} were given", remedy="give one of them")
    if body.get("processes") is not None and given != ["image"]:
        raise InvalidValue("processes go with image only", remedy="a build's come from its Procfile")
    empty = base or Release(app=app, version=0, created=0.0)
    if given == ["build"]:
        return _from_build(_build(records, app, body["build"]), empty)
    if given == ["image"]:
        return _from_image(body, empty)
    if given == ["from_release"]:
        return _from_release(records, app, body["from_release"])
    if base is None:
        raise Unprocessable(
            f"app {app!r} has no release yet", remedy="give a build, or an image, for its first one", code="no_code"
        )
    return base


def _build(records: Records, app: str, ident: object) -> Ticket:
    ticket = records.tickets.get(ident) if isinstance(ident, str) else None
    if ticket is None or ticket.queue != "builds" or ticket.app != app:
        raise not_found("build", str(ident), f"build it with POST /apps/{app}/builds")
    if ticket.state != "succeeded":
        raise Unprocessable(
            f"build {ident} is {ticket.state}{': ' + ticket.reason if ticket.reason else ''}",
            remedy=ticket.remedy or "wait until it succeeded: GET /tickets/<id>?wait=60",
            code="build_not_succeeded",
        )
    return ticket


def _from_build(ticket: Ticket, base: Release) -> Release:
    result = ticket.result
    slug = convert(Slug, result.get("slug"), what=f"build {ticket.id}")
    return replace(
        base,
        slug=slug,
        image="",
        processes=from_commands(result.get("processes") or {}, base.processes),
        buildpack=str(result.get("buildpack") or ""),
        source=str(ticket.payload.get("source") or ""),
    )


def _defaults(records: Records, build: object) -> dict[str, str]:
    """What a build's buildpack sets unless the user does, without what is no variable or Grille's own."""
    ticket = records.tickets.get(build) if isinstance(build, str) else None
    env = ticket.result.get("env") if ticket else None
    pairs = env.items() if isinstance(env, dict) else ()
    known = {str(name): str(value) for name, value in pairs if VARIABLE.match(str(name))}
    return {name: value for name, value in known.items() if name not in RESERVED_VARIABLES}


def _from_image(body: Mapping[str, Any], base: Release) -> Release:
    image = body["image"]
    if not isinstance(image, str) or not IMAGE.match(image):
        raise InvalidValue(f"image {image!r} is not valid", remedy="use a reference like registry.example.org/shop:1.2")
    commands = checks.mapping(body, "processes")
    kept = base.processes if base.image else {}
    processes = from_commands(commands, kept) if commands else kept or from_commands({"web": ""}, {})
    return replace(base, slug=None, image=image, processes=processes, buildpack="", source="")


def _from_release(records: Records, app: str, version: object) -> Release:
    found = records.releases.get((app, version)) if isinstance(version, int) else None
    if found is None:
        known = ", ".join(str(release.version) for release in records.releases_of(app)) or "none"
        raise not_found("release", f"{app} v{version}", f"use one of: {known}")
    return found
