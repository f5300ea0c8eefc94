# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Builds a source: packs it on the control node, carries it into the grid, follows the build."""

from __future__ import annotations

from ansible_collections.grille.grille.plugins.module_utils.grille.names import DIGEST, check_app
from ansible_collections.grille.grille.plugins.plugin_utils.acting import Result
from ansible_collections.grille.grille.plugins.plugin_utils.building import BuildingAction


class ActionModule(BuildingAction):
    """``source`` may be a folder, ``repo#ref``, or the digest of a source that is in the grid."""

    def act(self, arguments: Result) -> Result:
        """Pack, store and build."""
        source = str(arguments.get("source") or "")
        if DIGEST.match(source) or not source:  # no source: the module says so
            return self._build(source, arguments)
        check_app(arguments.get("app"))
        with self.packing(source) as pack:
            if not self._task.check_mode:
                self.store(pack)
            return self._build(pack.digest, arguments)

    def _build(self, digest: str, arguments: Result) -> Result:
        if self._task.check_mode or not digest:
            return self.module("grille_build", {**arguments, "source": digest})
        ticket = self.build(arguments["app"], digest, arguments)
        return {"changed": True, "source": digest, "ticket": ticket}
