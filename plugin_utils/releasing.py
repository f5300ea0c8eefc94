# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes a release and follows its deployment; a scale that alone differs needs no release."""

from __future__ import annotations

from .acting import Result
from .building import BuildingAction
from .following import timeout

DEPLOYMENT_SECONDS = 900.0


class ReleasingAction(BuildingAction):
    """An action that releases."""

    def release(self, arguments: Result) -> Result:
        """The result of grille_release once its deployment has succeeded; of grille_scale if only the scale differs."""
        result = self.module("grille_release", arguments)
        if result.get("ticket"):
            self.say(f"release {result['release']} is being deployed")
            ended, told = self.follow(result["ticket"], timeout(arguments, DEPLOYMENT_SECONDS))
            return {**result, "ticket": self.succeed(ended, "the deployment", told)}
        if result["changed"] or not arguments.get("scale"):
            return result
        asked = {**self.connection(), "app": arguments["app"], "scale": arguments["scale"]}
        scaled = self.module("grille_scale", asked)
        return {**result, "changed": scaled["changed"], "diff": scaled["diff"]}
