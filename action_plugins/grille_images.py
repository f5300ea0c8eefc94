# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asks the module of this name until the images are made, and shows what it says as it comes."""

from __future__ import annotations

from ansible_collections.grille.grille.plugins.plugin_utils.acting import COLLECTION, GrilleAction, Result


class ActionModule(GrilleAction):
    """Makes the images."""

    def act(self, arguments: Result) -> Result:
        """Start, then follow to the end."""
        first: Result = {}
        while True:
            result: Result = self._execute_module(
                module_name=f"{COLLECTION}.grille_images", module_args=arguments, task_vars=self._vars
            )
            first = first or result
            for line in result.pop("lines", []):
                self.say(line)
            if result.get("failed") or result.get("unreachable") or result.get("done"):
                break
            arguments = {**arguments, "cursor": result["cursor"]}
        shown = {name: first[name] for name in ("missing", "diff") if name in first}
        return {name: value for name, value in {**result, **shown}.items() if name not in ("cursor", "done")}
