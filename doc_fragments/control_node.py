# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options with which plugins on the control node show who they are."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation shared by the inventory plugin and the lookups."""

    DOCUMENTATION = r"""
options:
  token:
    description: The token of the grid's APIs. It goes before O(token_file).
    type: str
    env:
      - name: GRILLE_TOKEN
  token_file:
    description: File on the control node with the token.
    type: path
    default: /etc/grille/tokens/deploy
    env:
      - name: GRILLE_TOKEN_FILE
  timeout:
    description: Seconds that one request may wait for its answer.
    type: float
    default: 10.0
requirements:
  - Python 3.11 or later on the control node, nothing besides its standard library
"""
