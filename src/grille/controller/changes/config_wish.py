"""What a request wants of a scope's configuration: read, checked, and laid over what is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...service.sealing import Keyring, plain_size
from ...wire import names
from ...wire.configuration import APP_SCOPES, KINDS, SHARED_SCOPES, ConfigVersion
from ...wire.errors import InvalidValue, NotFound
from . import checks

KEYS = ("values", "secrets", "live", "shared", "description", "expect", "replace", "dry_run")
MOST_VALUE = 32 * 1024  # bytes
MOST_ALL = 128 * 1024  # bytes of one kind in one scope; an environment is checked again as a whole
MOST_SETS = 20
PREFIX = "GRILLE_"
Changes = dict[str, str | None]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Changes by name, None for what is to go. ``shared`` None: as it is. ``replace``: what is not named goes.

    ``expect``: the version that must be the newest, None for any. ``dry_run``: tell what would change.
    """

    values: Changes = field(default_factory=dict)
    secrets: Changes = field(default_factory=dict)
    live: Changes = field(default_factory=dict)
    shared: list[str] | None = None
    description: str = ""
    expect: int | None = None
    replace: bool = False
    dry_run: bool = False


def check_scope(kind: str, name: str) -> str:
    """The scope ``<kind>/<name>``; raises NotFound for another kind, InvalidValue for a name that cannot be."""
    if kind == APP_SCOPES[:-1]:
        return APP_SCOPES + names.check_app(name)
    if kind == SHARED_SCOPES[:-1]:
        return SHARED_SCOPES + names.check_label("shared set", name)
    raise NotFound(f"there is no scope {kind!r}", remedy="use apps/<app> or shared/<set>", code="unknown_scope")


def read(body: Mapping[str, Any], scope: str) -> Wish:
    """The wish in the body of PUT /config/<scope>; raises InvalidValue, which never shows a value."""
    checks.only(body, KEYS)
    shared = _sets(body.get("shared"))
    if shared is not None and not scope.startswith(APP_SCOPES):
        raise InvalidValue("a shared set uses no other sets", remedy="name the sets in the app's configuration")
    return Wish(
        **variables(body, *KINDS),
        shared=shared,
        description=checks.text(body, "description"),
        expect=_version(body.get("expect")),
        replace=_flag(body, "replace"),
        dry_run=_flag(body, "dry_run"),
    )


def variables(body: Mapping[str, Any], *keys: str) -> dict[str, Changes]:
    """The mappings of variables at ``keys``, checked; raises InvalidValue."""
    found = {key: checks.environment(body, key) for key in keys}
    seen: dict[str, str] = {}
    for key, changes in found.items():
        for name, value in changes.items():
            _check(name, value)
            if value is not None and seen.setdefault(name, key) != key:
                raise InvalidValue(f"{name} is in both {seen[name]} and {key}", remedy="give it in one of them")
    return found


def _check(name: str, value: str | None) -> None:
    if name.startswith(PREFIX):
        raise InvalidValue(f"{name}: names that begin with {PREFIX} are set by Grille", remedy="use another name")
    if value is not None and len(value.encode()) > MOST_VALUE:
        raise InvalidValue(
            f"the value of {name} is larger than {MOST_VALUE // 1024} KiB",
            remedy="keep large data in files",
            code="value_too_large",
        )


def _sets(value: object) -> list[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > MOST_SETS:
        raise InvalidValue(f"shared is not a list of at most {MOST_SETS} names", remedy='use ["db", "mail"]')
    found = [names.check_label("shared set", name) for name in value]
    if len(set(found)) != len(found):
        raise InvalidValue("shared names a set twice", remedy="name each set once, the one that yields first")
    return found


def _version(value: object) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise InvalidValue(f"expect is {value!r}", remedy="use the number of a version, 0 for none yet")
    return value


def _flag(body: Mapping[str, Any], key: str) -> bool:
    value = body.get(key, False)
    if not isinstance(value, bool):
        raise InvalidValue(f"{key} is {value!r:.40}", remedy="use true or false")
    return value


def applied(before: ConfigVersion, wish: Wish, keyring: Keyring) -> ConfigVersion:
    """``before`` with ``wish`` laid over it; a name that is set moves to its new kind. A secret that stays keeps its
    token.

    Raises:
        Unavailable: a secret is to be sealed and there is no key. InvalidValue: too large.
    """
    made: dict[str, dict[str, str]] = {kind: {} if wish.replace else dict(getattr(before, kind)) for kind in KINDS}
    for kind in KINDS:
        for name, value in getattr(wish, kind).items():
            if value is None:
                made[kind].pop(name, None)
                continue
            for other in KINDS:
                if other != kind:
                    made[other].pop(name, None)
            made[kind][name] = _sealed(before, name, value, keyring) if kind == "secrets" else value
    _check_sizes(made, before.scope)
    shared = before.shared if wish.shared is None else wish.shared
    return replace(before, values=made["values"], secrets=made["secrets"], live=made["live"], shared=shared)


def _sealed(before: ConfigVersion, name: str, secret: str, keyring: Keyring) -> str:
    token = before.secrets.get(name, "")
    return token if token and keyring.holds(name, token, secret) else keyring.seal(name, secret)


def _check_sizes(made: Mapping[str, Mapping[str, str]], scope: str) -> None:
    for kind, entries in made.items():
        size = sum(plain_size(one) if kind == "secrets" else len(one.encode()) for one in entries.values())
        if size + sum(map(len, entries)) > MOST_ALL:
            raise InvalidValue(
                f"the {kind} of {scope} are larger than {MOST_ALL // 1024} KiB",
                remedy="keep large data in files",
                code="config_too_large",
            )


def differences(before: ConfigVersion, after: ConfigVersion) -> dict[str, dict[str, str]]:
    """By kind, the names that differ and how: ``set``, ``changed`` or ``removed``; never a value."""
    found: dict[str, dict[str, str]] = {}
    for kind in KINDS:
        old, new = getattr(before, kind), getattr(after, kind)
        said = {name: _said(old, new, name) for name in sorted({*old, *new}) if old.get(name) != new.get(name)}
        found |= {kind: said} if said else {}
    return found


def _said(old: Mapping[str, str], new: Mapping[str, str], name: str) -> str:
    return ("changed" if name in old else "set") if name in new else "removed"
