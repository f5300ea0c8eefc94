#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: the TLS certificates that the routers serve."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_certificate_info
short_description: Read which TLS certificates there are, until when they are valid, and what routers make of them
description:
  - Never returns a key.
options:
  id:
    description: The one certificate to read. Without it all are listed.
    type: str
extends_documentation_fragment: [grille.grille.reading, grille.grille.auth, grille.grille.controller]
seealso:
  - module: grille.grille.grille_certificate
"""

EXAMPLES = r"""
- name: See what expires
  grille_certificate_info:
  register: found

- name: Name what expires within a month
  ansible.builtin.debug:
    msg: "{{ item.id }}: {{ item.reason }}"
  loop: "{{ found.certificates }}"
  when: item.not_after < ansible_facts['date_time']['epoch'] | int + 30 * 86400
"""

RETURN = r"""
certificates:
  description:
    - The certificates by id, each with C(domains), C(source), C(fingerprint), C(issuer), C(not_before), C(not_after)
      (seconds since the epoch), C(state), C(reason), C(attempts), C(next_try).
    - With O(id), none or one, which has C(chain) and C(routers) too, the latter with C(state) and C(reason).
  type: list
  elements: dict
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille.names import check_label
from ..module_utils.grille_module import Result, arguments, client, find, run

ARGUMENTS = arguments(id={"type": "str"})


def look(module: AnsibleModule) -> Result:
    """The certificates asked for."""
    params: dict[str, Any] = module.params
    api = client(params)
    if params["id"] is None:
        return {"changed": False, "certificates": api.get("/certificates")}
    found = find(api, f"/certificates/{check_label('certificate', params['id'])}")
    return {"changed": False, "certificates": [found] if found else []}


def main() -> None:
    """The module's entry point."""
    run(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), look)


if __name__ == "__main__":
    main()
