#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: the members of the store, and how they are."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_etcd_info
short_description: See which members the store has, and how they are
description:
  - Asks the members of etcd, over its JSON gateway. Changes nothing, and does not fail when none answers.
extends_documentation_fragment: [grille.grille.etcd]
options: {}
attributes:
  check_mode:
    support: full
    description: Never changes anything.
  diff_mode:
    support: none
    description: There is nothing to show.
  idempotent:
    support: full
    description: Never changes anything.
"""

EXAMPLES = r"""
- name: See how the store is
  grille_etcd_info:
    endpoints: ["https://192.0.2.11:2379", "https://192.0.2.12:2379", "https://192.0.2.13:2379"]
  register: store
"""

RETURN = r"""
members:
  description:
    - The members. RV(members[].url) is empty for one that does not answer, RV(members[].name) for one that has not
      started yet. A learner takes part without a vote.
  type: list
  elements: dict
  returned: success
  sample:
    - {id: "1002", name: alpha, peer_urls: ["https://192.0.2.11:2380"], client_urls: ["https://192.0.2.11:2379"],
       learner: false, url: "https://192.0.2.11:2379", healthy: true, leader: true, version: 3.4.23, revision: 812,
       db_size: 65536, db_used: 40960}
healthy:
  description: Names of the voters that are well.
  type: list
  elements: str
  returned: success
  sample: [alpha, bravo, charlie]
silent:
  description: Why endpoints do not answer.
  type: dict
  returned: success
  sample: {}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille_etcd import ARGUMENTS as ETCD
from ..module_utils.grille_etcd import EtcdError, Gate, look

ARGUMENTS: dict[str, Any] = dict(ETCD)


def main() -> None:
    """The module's entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    try:
        members, silent = look(Gate(params["ca"], params["cert"], params["key"]), params["endpoints"])
    except EtcdError as error:
        module.fail_json(msg=str(error))
    healthy = [member.name for member in members if member.healthy and not member.learner]
    module.exit_json(changed=False, members=[member.plain() for member in members], healthy=healthy, silent=silent)


if __name__ == "__main__":
    main()
