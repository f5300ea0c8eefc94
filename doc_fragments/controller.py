# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""The option with which a module finds the controller."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation shared by all modules that talk to the controller."""

    DOCUMENTATION = r"""
options:
  controller_url:
    description: URL of the controller; by default the one in C(/etc/grille/client.json) on the target host.
    type: str
"""
