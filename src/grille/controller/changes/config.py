"""PUT and DELETE /config/<scope>: a version of a scope's configuration, and the releases that follow from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...service.http import not_found
from ...service.sealing import Keyring
from ...store import Delete
from ...wire import keys
from ...wire.configuration import APP_SCOPES, SHARED_SCOPES, ConfigVersion, Rollout
from ...wire.errors import Conflict, GrilleError
from ...wire.specs import Release
from ..planner import same_release
from ..records import Records
from . import checks, config_wish
from .config_choice import SETS_GUARD, Choice, choose, guard, latest, users
from .config_wish import Wish, differences
from .draft import Draft
from .release import new, newest_release

HISTORY = 50  # versions of a scope that are kept, besides those that releases name


def put(
    records: Records, scope: str, body: Mapping[str, Any], now: float, domain: str, keyring: Keyring
) -> tuple[Draft, list[str]]:
    """The draft of a change of ``scope``, and the apps that are to ``follow`` it.

    An app's own change makes its release in the same transaction.

    Raises:
        GrilleError: InvalidValue, Conflict (``expect``), Unprocessable, Unavailable (no key to seal with).
    """
    wish = config_wish.read(body, scope)
    if wish.expect is not None and wish.expect != records.newest(scope):
        raise Conflict(
            f"configuration {scope} is at version {records.newest(scope)}, not {wish.expect}",
            remedy="read it again, then change it",
            code="config_changed",
        )
    if scope.startswith(APP_SCOPES):
        return _put_app(records, scope.removeprefix(APP_SCOPES), wish, now, domain, keyring), []
    return _put_set(records, scope.removeprefix(SHARED_SCOPES), wish, now, keyring)


def follow(records: Records, app: str, now: float, domain: str, keyring: Keyring) -> Draft:
    """A release of ``app`` with its newest configuration, unless it has that already; what waited for it is done."""
    draft = Draft(records)
    try:
        draft = _put_app(records, app, Wish(description="configuration"), now, domain, keyring)
    except GrilleError as error:
        if error.status >= 500:  # no key, say: it waits
            raise
        draft.answer = {"releases": [], "error": {"app": app, "code": error.code, "detail": error.message}}
    for name, rollout in records.rollouts.items():
        if app in rollout.apps:
            _shrink(draft, name, replace(rollout, apps=[one for one in rollout.apps if one != app]))
    return draft


def delete(records: Records, scope: str) -> Draft:
    """DELETE /config/<scope>: a set that no app uses, or what was set for an app that does not exist.

    Raises:
        NotFound: there is none. Conflict: it is in use.
    """
    found = latest(records, scope)
    if not found.version:
        raise not_found("configuration", scope, "see them with GET /config")
    name = scope.partition("/")[2]
    if scope.startswith(APP_SCOPES) and name in records.apps:
        raise Conflict(f"configuration {scope} belongs to an app", remedy="destroy the app", code="config_in_use")
    if scope.startswith(SHARED_SCOPES) and (apps := users(records, name)):
        raise Conflict(
            f"shared set {name!r} is used by {', '.join(apps)}",
            remedy="take it out of their configurations first",
            code="config_in_use",
        )
    draft = Draft(records, {"config": found, "changed": True})
    guard(draft, scope)
    draft.put(SETS_GUARD, scope)
    if scope.startswith(APP_SCOPES):
        draft.check(keys.app(name))
    draft.writes.append(Delete(f"{keys.CONFIG}{scope}/", prefix=True))
    return draft


def old_versions(records: Records) -> list[tuple[str, int]]:
    """The versions to drop: of each scope all but the newest fifty, and those that releases name."""
    named = {item for release in records.releases.values() for item in release.config.items()}
    versions: dict[str, list[int]] = defaultdict(list)
    for scope, version in records.configs:
        versions[scope].append(version)
    old = ((scope, one) for scope, known in versions.items() for one in sorted(known)[:-HISTORY])
    return [version for version in old if version not in named]


def _put_app(records: Records, name: str, wish: Wish, now: float, domain: str, keyring: Keyring) -> Draft:
    app = checks.user_app(records, name, "configured")
    base = newest_release(records, name)
    choice = choose(records, name, base, _described(wish), keyring, now)
    wanted = _release(choice, base, wish, now, keyring)
    if app is None or wanted is None:
        draft = Draft(records, status=201 if choice.differs else 200)
        if choice.differs:
            choice.write(draft, 0)
        draft.check(keys.app(name))
        releases: list[dict[str, Any]] = []
    else:
        draft = new(records, app, wanted, base, {}, now, domain, choice)
        made = draft.answer
        releases = [{"app": name, "release": made["release"].version, "ticket": made["ticket"]}]
    draft.answer = _answer(choice.before, choice.after, releases, changed=choice.differs or bool(releases))
    return _tried(records, draft) if wish.dry_run else draft


def _release(choice: Choice, base: Release | None, wish: Wish, now: float, keyring: Keyring) -> Release | None:
    """The release that the choice asks for; None when there is no code yet, or when nothing differs."""
    if base is None:
        return None
    said = wish.description or _said(choice)
    wanted = choice.release(replace(base, version=0, created=now, description=said), base, keyring)
    return None if same_release(wanted, base) else wanted


def _put_set(records: Records, name: str, wish: Wish, now: float, keyring: Keyring) -> tuple[Draft, list[str]]:
    """A new version of a shared set with its roll-out; that every app that uses it can take it is looked at first."""
    scope = SHARED_SCOPES + name
    before = latest(records, scope)
    wish = _described(wish)
    after = config_wish.applied(before, wish, keyring)
    differs = bool(differences(before, after)) or not before.version
    if differs:
        after = replace(after, version=before.version + 1, created=now, description=wish.description)
    apps = [one for one in users(records, name) if _behind(records, one, after, now, keyring)]
    releases = [{"app": app, "release": None, "ticket": None} for app in apps]
    draft = Draft(records, _answer(before, after, releases, changed=differs or bool(apps)), 201 if differs else 200)
    if wish.dry_run:
        return _tried(records, draft), []
    if differs:
        guard(draft, SHARED_SCOPES + name)
        draft.put(keys.config(scope, after.version), after)
        _start(draft, Rollout(name=name, version=after.version, created=now, apps=apps))
    return draft, apps


def _behind(records: Records, app: str, newest: ConfigVersion, now: float, keyring: Keyring) -> bool:
    """Whether ``app`` would get a release of ``newest``, a version of a set that it uses."""
    known, base = records.apps.get(app), newest_release(records, app)
    if known is None or known.destroying:
        return False
    choice = choose(records, app, base, Wish(), keyring, now, instead=newest)
    return _release(choice, base, Wish(description="?"), now, keyring) is not None


def _start(draft: Draft, rollout: Rollout) -> None:
    """Write the roll-out down, with the apps that one before it has left."""
    former = draft.records.rollouts.get(rollout.name)
    apps = sorted({*rollout.apps, *(former.apps if former else ())})
    if apps:
        draft.put(keys.rollout(rollout.name), replace(rollout, apps=apps))


def _shrink(draft: Draft, name: str, rollout: Rollout) -> None:
    if rollout.apps:
        draft.put(keys.rollout(name), rollout)
    else:
        draft.delete(keys.rollout(name))


def _described(wish: Wish) -> Wish:
    if wish.description:
        return wish
    named = sorted({*wish.values, *wish.secrets, *wish.live})
    return replace(wish, description=f"config {', '.join(named)}"[:200] if named else "config")


def _said(choice: Choice) -> str:
    return choice.after.description if choice.differs else "config"


def _tried(records: Records, draft: Draft) -> Draft:
    """What a dry run tells of ``draft``: no number and no ticket is anybody's yet."""
    releases = [{**one, "release": None, "ticket": None} for one in draft.answer["releases"]]
    return Draft(records, {**draft.answer, "releases": releases})


def _answer(before: ConfigVersion, after: ConfigVersion, releases: list[dict[str, Any]], *, changed: bool) -> Any:
    found: dict[str, Any] = {"config": after, "changed": changed, "differences": differences(before, after)}
    if before.shared != after.shared:
        found["differences"]["shared"] = {"before": before.shared, "after": after.shared}
    return {**found, "releases": releases}
