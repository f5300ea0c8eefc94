#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: a lock among operators and CI jobs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_lock
short_description: Take, keep, release or break a lock
description:
  - A lock has one holder, who has it for a limited time; whoever else wants it queues up, first come, first served.
  - The playbooks that change an app hold its lock meanwhile, so that two CI jobs that deploy one app do not collide.
  - A lock keeps out those who ask for it, and nobody else.
options:
  name:
    description: Name of the lock, a DNS label. Either this or O(app) is needed.
    type: str
  app:
    description: Name of an app, whose lock is meant. It is called C(app-<app>).
    type: str
  state:
    description: Whether the lock is held under this O(id).
    type: str
    choices: [present, absent]
    default: present
  id:
    description:
      - The holder's own id, a label of 8 to 63 characters that nobody can guess. Who knows it can release the lock.
      - By default a new one is made, and returned as RV(id), to release the lock with.
    type: str
  owner:
    description:
      - Who holds the lock, for others to read.
      - By default the URL of the CI job (of GitHub, GitLab or Jenkins) that runs C(ansible-playbook), or C(user@host).
    type: str
  reason:
    description: Why the lock is held, for others to read.
    type: str
    default: ''
  ttl:
    description:
      - Seconds after which the lock ends by itself, 10 to 86400.
      - They begin anew when the lock is taken again under the same O(id).
    type: float
    default: 1800.0
  wait_timeout:
    description: Seconds to wait while others hold the lock; with 0 the task fails at once when somebody does.
    type: float
    default: 0.0
  keep_place:
    description:
      - Do not fail when others hold the lock at the end of O(wait_timeout), but say so in RV(held), and keep the place
        in the queue for 15 seconds in which the task may be done again under the same O(id).
    type: bool
    default: false
  force:
    description: With O(state=absent), end the lock whoever holds it. The controller's log says who did.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Says whether the lock would be taken; it fails when the task would fail at once.
  diff_mode:
    support: full
    description: Shows the holder before and after.
  idempotent:
    support: full
    description: Under an O(id) that holds the lock already it says unchanged, and the time limit begins anew.
  action:
    support: full
    description: Shows whom it waits for, and gives the token and the owner of the control node's environment.
extends_documentation_fragment: [grille.grille.auth, grille.grille.controller]
"""

EXAMPLES = r"""
- name: Migrate the database while nobody else does
  block:
    - name: Take the lock
      grille_lock:
        name: db-migration
        reason: migration 42
        wait_timeout: 600
      register: migration
    - name: Migrate
      grille_run:
        app: shop
        command: python manage.py migrate
  always:
    - name: Give it back
      grille_lock:
        name: db-migration
        id: "{{ migration.id }}"
        state: absent
      when: migration.held | default(false)

- name: End the lock of a CI job that died
  grille_lock:
    app: shop
    state: absent
    force: true
"""

RETURN = r"""
id:
  description: The id to release the lock with.
  type: str
  returned: with O(state=present)
held:
  description: Whether the lock is held under O(id) now; in check mode, whether it could be.
  type: bool
  returned: always
holder:
  description: Who holds the lock, with C(owner), C(reason), C(since) and C(expires); of others' C(id) the beginning.
  type: dict
  returned: when others hold it
position:
  description: How many are ahead in the queue.
  type: int
  returned: when others hold it
msg:
  description: What was done, in one line.
  type: str
  returned: success
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille.client import Client
from ..module_utils.grille.errors import InvalidValue, NotFound
from ..module_utils.grille_locks import lock_name, refusal, told, waiting
from ..module_utils.grille_module import Result, arguments, client, run

ARGUMENTS = arguments(
    name={"type": "str"},
    app={"type": "str"},
    state={"type": "str", "choices": ["present", "absent"], "default": "present"},
    id={"type": "str"},
    owner={"type": "str"},
    reason={"type": "str", "default": ""},
    ttl={"type": "float", "default": 1800.0},
    wait_timeout={"type": "float", "default": 0.0},
    keep_place={"type": "bool", "default": False},
    force={"type": "bool", "default": False},
)
ONCE = 20.0  # seconds that one request waits


def ensure(module: AnsibleModule) -> Result:
    """Bring the lock to the state asked for."""
    params: dict[str, Any] = module.params
    name = lock_name(params["name"], params["app"])
    api = client(params)
    if params["state"] == "present":
        return _plan(api, name, params) if module.check_mode else _take(api, name, params)
    if not params["force"] and params["id"] is None:
        raise InvalidValue("id is missing", remedy="give the id that the lock was taken with, or force")
    return _end(api, name, params, module.check_mode)


def _plan(api: Client, name: str, params: dict[str, Any]) -> Result:
    holder = api.get(f"/locks/{name}", id=params["id"])["holder"]
    if holder is None or holder["mine"]:
        return _held(name, params, changed=holder is None)
    if not params["wait_timeout"] and not params["keep_place"]:
        raise refusal(name, holder)
    waits = {"changed": True, "held": False, "holder": holder, "msg": f"would wait for lock {name}: {told(holder)}"}
    return {**waits, "id": params["id"], "diff": _diff(holder["owner"], params["owner"])}


def _take(api: Client, name: str, params: dict[str, Any]) -> Result:
    asked = {key: params[key] for key in ("id", "owner", "reason", "ttl")}
    least = 0.01 if params["keep_place"] else 0.0  # who does not wait gets no place in the queue
    end = time.monotonic() + params["wait_timeout"]
    while True:
        wait = max(least, min(end - time.monotonic(), ONCE, params["timeout"] / 2))
        answer = api.put(f"/locks/{name}", {**asked, "wait": wait})
        if answer["held"]:
            return _held(name, params, changed=answer["changed"])
        if time.monotonic() >= end:
            break
    if params["keep_place"]:
        return {"changed": False, **answer, "id": params["id"], "msg": waiting(name, answer)}
    _leave(api, name, params["id"])
    raise refusal(name, answer["holder"], params["wait_timeout"])


def _held(name: str, params: dict[str, Any], *, changed: bool) -> Result:
    diff = _diff(None if changed else params["owner"], params["owner"])
    msg = f"lock {name} is held by {params['owner']} for {params['ttl']:g} s at most"
    return {"changed": changed, "held": True, "id": params["id"], "msg": msg, "diff": diff}


def _leave(api: Client, name: str, ident: str) -> None:
    try:
        api.delete(f"/locks/{name}", id=ident)
    except NotFound:
        return


def _end(api: Client, name: str, params: dict[str, Any], check_mode: bool) -> Result:
    """Release the lock, or break it."""
    seen = api.get(f"/locks/{name}", id=params["id"])
    holder = seen["holder"]
    mine = any(one["mine"] for one in [holder, *seen["queue"]] if one)
    if holder is None or not (params["force"] or mine):
        msg = f"lock {name} is held by {told(holder)}"
        return {"changed": False, "held": False, "msg": msg, "diff": _diff(None, None)}
    if not check_mode and params["force"]:
        api.delete(f"/locks/{name}", force=1, holder=holder["id"], by=params["owner"])
    elif not check_mode:
        _leave(api, name, params["id"])
    msg = f"lock {name} is {'released' if mine else 'broken'}; it was held by {told(holder)}"
    after = None if params["force"] or holder["mine"] else holder["owner"]
    return {"changed": True, "held": False, "msg": msg, "diff": _diff(holder["owner"], after)}


def _diff(before: str | None, after: str | None) -> dict[str, dict[str, str | None]]:
    return {"before": {"holder": before}, "after": {"holder": after}}


def main() -> None:
    """The module's entry point."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        mutually_exclusive=[("name", "app")],
        required_one_of=[("name", "app")],
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
