"""The configuration that a release of an app gets: the app's own over the shared sets it uses, and what to write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ...service.sealing import Keyring, plain_size
from ...wire import keys
from ...wire.configuration import APP_SCOPES, KINDS, SHARED_SCOPES, ConfigVersion, Merged, merge
from ...wire.errors import GrilleError, InvalidValue, Unprocessable
from ...wire.specs import Release
from ..records import Records
from .checks import MOST_ENV
from .config_wish import Wish, applied
from .draft import Draft

PARTS = (*KINDS, "shared")
SETS_GUARD = f"{keys.CONFIG}.sets"  # written when an app uses other sets, and when a set is deleted


@dataclass(frozen=True)
class Choice:
    """An app's own configuration before and after a change, and what it makes with the shared sets."""

    before: ConfigVersion
    after: ConfigVersion
    layers: list[ConfigVersion]
    merged: Merged

    @property
    def changed(self) -> bool:
        """Whether a new version of the app's own configuration is to be written."""
        return self.after.version != self.before.version

    @property
    def differs(self) -> bool:
        """Whether it differs from what was there (that of an app of old is written without that)."""
        return any(getattr(self.before, part) != getattr(self.after, part) for part in PARTS)

    def release(self, code: Release, base: Release | None, keyring: Keyring) -> Release:
        """``code`` with this configuration. A secret that ``base`` has too keeps the token that it has there."""
        known = base.secrets if base else {}
        secrets = {name: _kept(keyring, name, token, known.get(name)) for name, token in self.merged.secrets.items()}
        return replace(code, env=dict(self.merged.values), secrets=secrets, config=dict(self.merged.versions))

    def write(self, draft: Draft, release: int) -> None:
        """Let ``draft`` write the new version, if there is one, and fail when anything chosen from is changed.

        Args:
            release: the release made with it, 0 for none.
        """
        for layer in self.layers:
            if layer.scope != self.after.scope:
                guard(draft, layer.scope)
        if not self.changed:
            guard(draft, self.after.scope)
            return
        draft.put(keys.config(self.after.scope, self.after.version), replace(self.after, release=release))
        if self.after.shared != self.before.shared:
            draft.put(SETS_GUARD, self.after.scope)


def guard(draft: Draft, scope: str) -> None:
    """Let ``draft`` fail when the newest version of ``scope`` is another one by then, or gone."""
    newest = draft.records.newest(scope)
    if newest:
        draft.check(keys.config(scope, newest))
    draft.check(keys.config(scope, newest + 1))


def latest(records: Records, scope: str) -> ConfigVersion:
    """The newest version of ``scope``, an empty one numbered 0 without one; raises Unprocessable for a broken one."""
    found, number = records.config(scope), records.newest(scope)
    if number and found is None:
        raise Unprocessable(
            f"version {number} of configuration {scope} in the store is not readable",
            remedy="restore it from a backup of the store",
            code="bad_record",
        )
    return found or ConfigVersion(scope=scope, version=0, created=0.0)


def own(records: Records, app: str, base: Release | None) -> ConfigVersion:
    """The app's own configuration; of an app that has none yet, what its release ``base`` has in its environment."""
    found = latest(records, APP_SCOPES + app)
    return replace(found, values=dict(base.env)) if base and not found.version and not base.config else found


def users(records: Records, name: str) -> list[str]:
    """The apps that use the shared set ``name``."""
    configs = (records.config(scope) for scope in records.scopes() if scope.startswith(APP_SCOPES))
    return [one.scope.removeprefix(APP_SCOPES) for one in configs if one is not None and name in one.shared]


def choose(
    records: Records,
    app: str,
    base: Release | None,
    wish: Wish,
    keyring: Keyring,
    now: float,
    *,
    defaults: Mapping[str, str] | None = None,
    back_to: Release | None = None,
    instead: ConfigVersion | None = None,
) -> Choice:
    """What ``wish`` makes of the configuration of ``app``.

    Args:
        base: the release that the next one builds upon.
        defaults: variables that a buildpack sets where nobody else does.
        back_to: a former release, whose configuration is the start, shared sets as they were then.
        instead: a version of a shared set to take for the newest.
    Raises:
        InvalidValue, Unprocessable: too large, an unknown set. Unavailable: no key to seal with.
    """
    before = own(records, app, base)
    start = _back(records, before, back_to) if back_to else before
    after = applied(start, wish, keyring)
    pinned = back_to.config if back_to else {}
    layers = [_set(records, name, pinned, instead) for name in after.shared]
    missing = _missing(merge([*layers, after]), defaults or {})
    after = _numbered(records, before, replace(after, values={**missing, **after.values}), wish.description, now)
    layers.append(after)
    merged = merge(layers)
    check_size(merged, app)
    return Choice(before, after, layers, merged)


def check_size(merged: Merged, app: str) -> None:
    """Raise InvalidValue when it is too large to be given to a process."""
    size = sum(len(name) + len(value.encode()) + 2 for name, value in merged.values.items())
    size += sum(len(name) + plain_size(token) + 2 for name, token in merged.secrets.items())
    if size > MOST_ENV:
        raise InvalidValue(
            f"the environment of {app} would be larger than {MOST_ENV // 1024} KiB",
            remedy="keep large data in files",
            code="env_too_large",
        )


def _set(records: Records, name: str, pinned: Mapping[str, int], instead: ConfigVersion | None) -> ConfigVersion:
    scope = SHARED_SCOPES + name
    if instead is not None and instead.scope == scope:
        return instead
    found = records.configs.get((scope, pinned.get(scope, 0))) or latest(records, scope)
    if not found.version:
        known = ", ".join(one.removeprefix(SHARED_SCOPES) for one in records.scopes() if one.startswith(SHARED_SCOPES))
        raise Unprocessable(
            f"there is no shared set {name!r}",
            remedy=f"make it first; there are: {known or 'none'}",
            code="unknown_set",
        )
    return found


def _back(records: Records, before: ConfigVersion, release: Release) -> ConfigVersion:
    """``before`` with the environment that ``release`` had; sets that are gone since are left out."""
    found = records.configs.get((before.scope, release.config.get(before.scope, 0)))
    if found is None:
        found = replace(before, values=dict(release.env), secrets=dict(release.secrets), shared=[])
    shared = [name for name in found.shared if records.newest(SHARED_SCOPES + name)]
    live = {name: value for name, value in before.live.items() if name not in {**found.values, **found.secrets}}
    return replace(before, values=found.values, secrets=found.secrets, shared=shared, live=live)


def _missing(merged: Merged, defaults: Mapping[str, str]) -> dict[str, str]:
    known = {name for kind in KINDS for name in getattr(merged, kind)}
    return {name: value for name, value in defaults.items() if name not in known}


def _numbered(
    records: Records, before: ConfigVersion, after: ConfigVersion, description: str, now: float
) -> ConfigVersion:
    """``after`` as the version that follows, or ``before`` when nothing differs from what is stored."""
    empty = not any(getattr(after, part) for part in PARTS)
    same = all(getattr(after, part) == getattr(before, part) for part in PARTS)
    if same and (before.version or empty):
        return before
    number = records.newest(before.scope) + 1
    return replace(after, version=number, created=now, release=0, description=description)


def _kept(keyring: Keyring, name: str, token: str, known: str | None) -> str:
    if known is None or known == token:
        return token
    try:
        return known if keyring.holds(name, known, keyring.open(name, token)) else token
    except GrilleError:
        return token
