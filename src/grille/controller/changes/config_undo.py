"""What becomes of the configuration that was changed by a release, when the release's deployment fails."""

from __future__ import annotations

from dataclasses import replace

from ...wire import keys
from ...wire.configuration import APP_SCOPES, ConfigVersion
from ..records import Records


def undone(records: Records, app: str, release: int) -> tuple[str, ConfigVersion | None] | None:
    """The key to write and its record (None: to delete) so that the configuration is what it was before ``release``.

    None when there is nothing to undo: the release came with no change, or others have come since.
    """
    failed = records.config(APP_SCOPES + app)
    if failed is None or failed.release != release:
        return None
    before, current = records.configs.get((failed.scope, failed.version - 1)), records.current(app)
    if before is None and current is None:
        return keys.config(failed.scope, failed.version), None
    if before is None and current is not None:  # of an app that had none of its own yet
        before = replace(failed, values=current.env, secrets=current.secrets, shared=[])
    assert before is not None
    said = f"as before release {release}, which failed"
    live = {name: value for name, value in failed.live.items() if name not in {**before.values, **before.secrets}}
    again = replace(before, version=failed.version + 1, created=failed.created, release=0, live=live, description=said)
    return keys.config(failed.scope, again.version), again
