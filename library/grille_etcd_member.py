#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: one member of the store, as the others know it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_etcd_member
short_description: Add, promote, move or remove a member of the store
description:
  - Changes the list of members that a running cluster of etcd keeps, over its JSON gateway. It starts and stops none.
  - Refuses a removal after which too few healthy members stay for a majority.
extends_documentation_fragment: [grille.grille.etcd]
options:
  name:
    description: Name of the member; the host's in the inventory.
    type: str
    required: true
  peer_url:
    description: Where it listens for the other members; required unless O(state=absent).
    type: str
  state:
    description:
      - V(learner) adds it without a vote, so that it can catch up, unless it is there already.
      - V(voter) gives a learner its vote, as soon as it has caught up, and brings O(peer_url) up to date.
      - V(absent) removes it.
    type: str
    choices: [learner, voter, absent]
    required: true
  force:
    description: Whether to ask for a removal that O(state=absent) refuses. What etcd itself refuses stays refused.
    type: bool
    default: false
  wait_timeout:
    description: Seconds that a learner may take to catch up, and that members that just started may take to connect.
    type: float
    default: 60.0
attributes:
  check_mode:
    support: full
    description: Can run in check mode and tell whether it would change anything.
  diff_mode:
    support: full
    description: Shows the list of members before and after.
  idempotent:
    support: full
    description: A second run with the same parameters changes nothing.
"""

EXAMPLES = r"""
- name: Add a member that starts next, with the data of the others
  grille_etcd_member:
    endpoints: ["https://192.0.2.11:2379", "https://192.0.2.12:2379"]
    name: charlie
    peer_url: https://192.0.2.13:2380
    state: learner
  register: added

- name: Remove it again
  grille_etcd_member:
    endpoints: ["https://192.0.2.11:2379", "https://192.0.2.12:2379"]
    name: charlie
    state: absent
"""

RETURN = r"""
initial_cluster:
  description: All members as C(name=peer URL), which is how a new one must be started.
  type: str
  returned: success
  sample: alpha=https://192.0.2.11:2380,charlie=https://192.0.2.13:2380
actions:
  description: What was done (in check mode, what would be), in order.
  type: list
  elements: str
  returned: success
  sample: [added as a learner]
"""

import time
from dataclasses import replace
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille_etcd import ADD, PROMOTE, REMOVE, UPDATE, EtcdError, Gate, Member, lacking, look
from ..module_utils.grille_etcd import ARGUMENTS as ETCD

ARGUMENTS: dict[str, Any] = {
    **ETCD,
    "name": {"type": "str", "required": True},
    "peer_url": {"type": "str"},
    "state": {"type": "str", "choices": ["learner", "voter", "absent"], "required": True},
    "force": {"type": "bool", "default": False},
    "wait_timeout": {"type": "float", "default": 60.0},
}
PAUSE = 0.5
# etcd's words for a learner that has not caught up, and for members that were not connected for five seconds yet.
NOT_YET = ("in sync with leader", "unhealthy cluster")


class Change:
    """One change of the list; ``actions`` and ``members`` tell what came of it."""

    def __init__(self, module: AnsibleModule) -> None:
        self.params, self._dry = module.params, bool(module.check_mode)
        self._gate = Gate(self.params["ca"], self.params["cert"], self.params["key"])
        self.members, silent = look(self._gate, self.params["endpoints"])
        self.before, self.actions = self.members, list[str]()
        if not self.members:
            raise EtcdError(f"no member of the store answers: {'; '.join(silent.values())}")

    @property
    def found(self) -> Member | None:
        """The member in question."""
        name, peer_url = self.params["name"], self.params["peer_url"] or ""
        return next((member for member in self.members if member.goes_by(name, peer_url)), None)

    def learner(self) -> None:
        """Add it."""
        if self.found is None:
            name, peer_url = self.params["name"], self.params["peer_url"]
            self._do("added as a learner", ADD, {"peerURLs": [peer_url], "isLearner": True})
            self.members = [*self.members, Member("", name, [peer_url], learner=True)]

    def voter(self) -> None:
        """Promote it, and bring its peer URL up to date."""
        member, peer_url = self.found, self.params["peer_url"]
        if member is None:
            raise EtcdError(f"{self.params['name']} is no member; add it with playbooks/etcd_add.yml")
        if member.peer_urls != [peer_url]:
            self._do(f"moved from {', '.join(member.peer_urls)}", UPDATE, {"ID": member.id, "peerURLs": [peer_url]})
        if member.learner:
            self._do("given a vote", PROMOTE, {"ID": member.id})
        now = replace(member, peer_urls=[peer_url], learner=False)
        self.members = [now if other is member else other for other in self.members]

    def absent(self) -> None:
        """Remove it, if enough of the others are well."""
        member = self.found
        if member is None:
            return
        missing = 0 if member.learner else lacking(self.members, member.id)
        if missing and not self.params["force"]:
            raise EtcdError(self._refusal(missing))
        self._do("removed", REMOVE, {"ID": member.id})
        self.members = [other for other in self.members if other is not member]

    def _refusal(self, missing: int) -> str:
        name = self.params["name"]
        others = [one for one in self.members if not one.learner and one.name != name]
        if not others:
            return f"{name} is the store's only member, so it cannot be removed; to start over use etcd_restore.yml"
        ill = [one.name or one.peer_urls[0] for one in others if not one.healthy]
        return (
            f"without {name} the store would lose its quorum: {', '.join(ill)} must be well first, {missing} at least"
            " (bring it back, or -e force=true)"
        )

    def _do(self, action: str, path: str, body: dict[str, Any]) -> None:
        """Ask one that is well and is not the member itself, if there is such a one."""
        if not self._dry:
            able = [one for one in self.members if one.url and not one.learner]
            best = sorted(able, key=lambda one: (not one.healthy, one.goes_by(self.params["name"])))
            if not best:
                raise EtcdError("no member of the store that has a vote answers")
            self._ask(best[0].url, path, body)
        self.actions.append(action)

    def _ask(self, url: str, path: str, body: dict[str, Any]) -> None:
        end = time.monotonic() + self.params["wait_timeout"]
        while True:
            try:
                self._gate.ask(url, path, body, timeout=10.0)
                return
            except EtcdError as error:
                if time.monotonic() > end or not any(words in str(error) for words in NOT_YET):
                    raise EtcdError(f"{self.params['name']} is not {self.params['state']}: {error}") from None
            time.sleep(PAUSE)

    def cluster(self) -> str:
        """All members, as etcd's ``--initial-cluster`` wants them."""
        pairs = [(one.name or self.params["name"], one.peer_urls[0]) for one in self.members]
        return ",".join(f"{name}={url}" for name, url in sorted(pairs))


def told(members: list[Member]) -> str:
    """The members, one a line, for a diff."""
    lines = [f"{one.name or '?'} {one.peer_urls[0]}{' learner' if one.learner else ''}\n" for one in members]
    return "".join(sorted(lines))


def main() -> None:
    """The module's entry point."""
    required = [("state", state, ("peer_url",)) for state in ("learner", "voter")]
    module = AnsibleModule(argument_spec=ARGUMENTS, required_if=required, supports_check_mode=True)
    try:
        change = Change(module)
        {"learner": change.learner, "voter": change.voter, "absent": change.absent}[module.params["state"]]()
    except EtcdError as error:
        module.fail_json(msg=str(error))
    diff = {"before": told(change.before), "after": told(change.members)}
    actions = change.actions
    module.exit_json(changed=bool(actions), actions=actions, initial_cluster=change.cluster(), diff=diff)


if __name__ == "__main__":
    main()
