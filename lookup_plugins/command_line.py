# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lookup plugin: an extra variable as it was typed."""

from __future__ import annotations

DOCUMENTATION = r"""
name: command_line
author: Grille's contributors (@grille)
version_added: 0.1.0
short_description: An extra variable as it was typed, blanks and all
description:
  - Ansible splits C(-e command='python --version') at blanks, takes C(python) for the variable and turns words with
    an equals sign into variables of their own. This gives the whole text after C(NAME=) of such an argument.
  - For a variable that was given in another way (in JSON, in quotes of its own, from a file) it gives O(default).
options:
  _terms:
    description: Names of extra variables.
    type: list
    elements: str
    required: true
  default:
    description: The variable as Ansible has it.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show what was typed after -e command=
  ansible.builtin.debug:
    msg: "{{ lookup('grille.grille.command_line', 'command', default=command) }}"
"""

RETURN = r"""
_raw:
  description: The text of each variable; the last argument counts.
  type: list
  elements: str
"""

from collections.abc import Iterable
from typing import Any

from ansible import context
from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase


def typed(name: str, arguments: Iterable[str]) -> str | None:
    """The text after ``name=`` in the last of the ``-e`` arguments that begins so and has no quotes of its own."""
    found = [one.strip().removeprefix(f"{name}=") for one in arguments if one.strip().startswith(f"{name}=")]
    return found[-1] if found and not found[-1].startswith(("'", '"')) else None


class LookupModule(LookupBase):
    """Reads the command line of ``ansible-playbook``."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """The text of each variable in ``terms``; AnsibleError when words were lost on the way."""
        self.set_options(var_options=variables, direct=kwargs)
        found = []
        for name in terms:
            text = typed(name, context.CLIARGS.get("extra_vars") or ())
            if text is None and "_raw_params" in (variables or {}):
                raise AnsibleError(f"{name} was not understood; give it as an argument of its own: -e {name}='…'")
            found.append(self.get_option("default") if text is None else text)
        return found
