# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the module of this name with the control node's token."""

from __future__ import annotations

from ansible_collections.grille.grille.plugins.plugin_utils.acting import GrilleAction


class ActionModule(GrilleAction):
    """The module as it is."""
