# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options with which each of Grille's modules shows who it is."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation shared by all modules that talk to a brick."""

    DOCUMENTATION = r"""
options:
  token:
    description:
      - The token of the grid's APIs.
      - Without it, and without O(token_file), the one in the environment of C(ansible-playbook) is used when there is
        any, E(GRILLE_TOKEN) before the file that E(GRILLE_TOKEN_FILE) names, both on the control node.
    type: str
  token_file:
    description: File on the target host with the token.
    type: path
    default: /etc/grille/tokens/deploy
  timeout:
    description: Seconds that one request may wait for its answer.
    type: float
    default: 30.0
requirements:
  - Python 3.11 or later on the target host, nothing besides its standard library
author:
  - Grille's contributors (@grille)
"""
