# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes a release and follows its deployment."""

from __future__ import annotations

from ansible_collections.grille.grille.plugins.plugin_utils.acting import Result
from ansible_collections.grille.grille.plugins.plugin_utils.releasing import ReleasingAction


class ActionModule(ReleasingAction):
    """Waits until the release is deployed."""

    def act(self, arguments: Result) -> Result:
        """Release, then follow."""
        return self.release(arguments)
