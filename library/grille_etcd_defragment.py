#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: give the disk that deleted history took back, member by member."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_etcd_defragment
short_description: Defragment the store, one member at a time
description:
  - A member answers nothing while it is defragmented. Followers go first, the leader goes last, each only while the
    others are well, and the next when it is well again.
extends_documentation_fragment: [grille.grille.etcd]
options:
  least_free:
    description: MiB that a defragmentation must free; members with less to free are left alone.
    type: float
    default: 1.0
  wait_timeout:
    description: Seconds that one member may take.
    type: float
    default: 120.0
  force:
    description: Whether to go on although another member is not well.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Can run in check mode and tell which members it would defragment.
  diff_mode:
    support: none
    description: There is nothing to show besides the result.
  idempotent:
    support: full
    description: A second run finds nothing to free.
"""

EXAMPLES = r"""
- name: Defragment the store
  grille_etcd_defragment:
    endpoints: ["https://192.0.2.11:2379", "https://192.0.2.12:2379", "https://192.0.2.13:2379"]
"""

RETURN = r"""
freed:
  description: Bytes freed (in check mode, to free) by member, in order; members left alone are not in it.
  type: dict
  returned: success
  sample: {bravo: 1048576, charlie: 1048576, alpha: 1052672}
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille_etcd import ARGUMENTS as ETCD
from ..module_utils.grille_etcd import DEFRAGMENT, STATUS, EtcdError, Gate, Member, look

ARGUMENTS: dict[str, Any] = {
    **ETCD,
    "least_free": {"type": "float", "default": 1.0},
    "wait_timeout": {"type": "float", "default": 120.0},
    "force": {"type": "bool", "default": False},
}
PAUSE = 0.5


def in_order(members: list[Member], least_free: float) -> list[Member]:
    """The members to defragment: those that answer and have ``least_free`` MiB to free, the leader last."""
    worth = [one for one in members if one.url and one.db_size - one.db_used >= least_free * 1024 * 1024]
    return sorted(worth, key=lambda one: (one.leader, one.name))


def refuse_ill(members: list[Member], force: bool) -> None:
    """Raise EtcdError when a member is not well."""
    ill = [one.name or one.peer_urls[0] for one in members if not one.healthy]
    if ill and not force:
        raise EtcdError(f"{', '.join(ill)} must be well before others are defragmented (or -e force=true)")


def defragment(gate: Gate, member: Member, seconds: float) -> int:
    """Defragment one member and wait until it is well; the bytes freed."""
    gate.ask(member.url, DEFRAGMENT, {}, timeout=seconds)
    end = time.monotonic() + seconds
    while not gate.healthy(member.url):
        if time.monotonic() > end:
            raise EtcdError(f"{member.name} is not well {seconds:g} s after it was defragmented")
        time.sleep(PAUSE)
    return member.db_size - int(gate.ask(member.url, STATUS, {}).get("dbSize", 0))


def work(module: AnsibleModule) -> dict[str, int]:
    """Defragment what is worth it; the bytes freed by member."""
    params = module.params
    gate, freed = Gate(params["ca"], params["cert"], params["key"]), dict[str, int]()
    members, silent = look(gate, params["endpoints"])
    if not members:
        raise EtcdError(f"no member of the store answers: {'; '.join(silent.values())}")
    for member in in_order(members, params["least_free"]):
        if module.check_mode:
            freed[member.name] = member.db_size - member.db_used
            continue
        refuse_ill(look(gate, params["endpoints"])[0], params["force"])
        freed[member.name] = defragment(gate, member, params["wait_timeout"])
    return freed


def main() -> None:
    """The module's entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        freed = work(module)
    except EtcdError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(freed), freed=freed)


if __name__ == "__main__":
    main()
