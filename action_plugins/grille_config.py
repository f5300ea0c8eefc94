# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sets configuration and follows the deployments that it makes."""

from __future__ import annotations

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.grille.grille.plugins.module_utils.grille.errors import Failed, GrilleError
from ansible_collections.grille.grille.plugins.plugin_utils.acting import Result
from ansible_collections.grille.grille.plugins.plugin_utils.following import FollowingAction, timeout

DEPLOYMENT_SECONDS = 900.0


class ActionModule(FollowingAction):
    """Waits until every app that the change concerns is deployed."""

    def act(self, arguments: Result) -> Result:
        """Change, then follow one deployment after the other; the first that failed is told when all have ended."""
        result = self.module("grille_config", arguments)
        if self._task.check_mode or not boolean(arguments.get("wait", True)):
            return result
        failures = [error for one in result["releases"] if (error := self._deployed(one, arguments))]
        if failures:
            raise failures[0]
        return result

    def _deployed(self, one: Result, arguments: Result) -> GrilleError | None:
        """Follow the deployment of one app; what was wrong with it."""
        self.say(f"release {one['release']} of {one['app']} is being deployed")
        try:
            ended, told = self.follow(one["ticket"], timeout(arguments, DEPLOYMENT_SECONDS))
            one["ticket"] = self.succeed(ended, "the deployment", told)
        except GrilleError as error:
            return Failed(f"{one['app']}: {error.message}", remedy=error.remedy, code=error.code)
        return None
