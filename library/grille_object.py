#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: an object in shelf, the grid's store of sources, slugs and caches."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_object
short_description: Put, fetch or remove an object in the grid's store
description:
  - Objects are compared by their sha256, so what is there already is not sent again.
options:
  path:
    description: The object's path, with a folder, like C(sources/app.tar.gz).
    type: str
    required: true
  src:
    description: File on the target host to store.
    type: path
  dest:
    description: File on the target host to write the object to.
    type: path
  state:
    description: Whether the object exists; with V(present), O(src) or O(dest) is needed.
    type: str
    choices: [present, absent]
    default: present
  shelf_url:
    description: URL of shelf; by default the one in C(/etc/grille/client.json) on the target host.
    type: str
attributes:
  check_mode:
    support: full
    description: Compares, and neither sends nor writes.
  diff_mode:
    support: full
    description: Shows the sha256 before and after.
  idempotent:
    support: full
    description: Does nothing when both sides have the same sha256.
  action:
    support: full
    description: Takes the token from the environment of the control node.
extends_documentation_fragment: [grille.grille.auth]
"""

EXAMPLES = r"""
- name: Store a file
  grille_object:
    path: assets/logo.png
    src: /srv/logo.png

- name: Fetch it
  grille_object:
    path: assets/logo.png
    dest: /tmp/logo.png
"""

RETURN = r"""
path:
  description: The object's path.
  type: str
  returned: success
sha256:
  description: The sha256 of the object, empty when it is absent.
  type: str
  returned: success
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille.client import Client
from ..module_utils.grille.errors import Failed, InvalidValue, NotFound
from ..module_utils.grille_module import Result, arguments, client, run

ARGUMENTS = arguments(
    "shelf",
    path={"type": "str", "required": True},
    src={"type": "path"},
    dest={"type": "path"},
    state={"type": "str", "choices": ["present", "absent"], "default": "present"},
)


def ensure(module: AnsibleModule) -> Result:
    """Bring the object, or the local file, to the state asked for."""
    params: dict[str, Any] = module.params
    api, path = client(params, "shelf"), f"/objects/{params['path'].lstrip('/')}"
    stored = _stored(api, path)
    if params["state"] == "absent":
        return _absent(module, api, path, stored)
    if params["src"]:
        return _put(module, api, path, stored)
    return _fetch(module, api, path, stored)


def _stored(api: Client, path: str) -> str:
    try:
        return api.head(path).get("etag", "").strip('"')
    except NotFound:
        return ""


def _absent(module: AnsibleModule, api: Client, path: str, stored: str) -> Result:
    if stored and not module.check_mode:
        api.delete(path)
    return _result(module, stored, "")


def _put(module: AnsibleModule, api: Client, path: str, stored: str) -> Result:
    src: str = module.params["src"]
    if not os.path.isfile(src):
        raise InvalidValue(f"src {src} is not a file on this host", remedy="give the path of a file")
    wanted = module.sha256(src) or ""
    if wanted != stored and not module.check_mode:
        with open(src, "rb") as file:
            kept = api.upload(path, file, os.path.getsize(src))["sha256"]
        if kept != wanted:
            raise Failed(f"{src} was damaged on its way to shelf: it has {kept}, not {wanted}", remedy="try again")
    return _result(module, stored, wanted)


def _fetch(module: AnsibleModule, api: Client, path: str, stored: str) -> Result:
    if not stored:
        raise NotFound(f"there is no object {module.params['path']}", code="unknown_object")
    dest: str = module.params["dest"]
    before = (module.sha256(dest) or "") if os.path.isfile(dest) else ""
    if before != stored and not module.check_mode:
        partial = f"{dest}.grille-{os.getpid()}"
        with open(partial, "wb") as file:
            file.writelines(api.download(path))
        module.atomic_move(partial, dest)
    return _result(module, before, stored)


def _result(module: AnsibleModule, before: str, after: str) -> Result:
    diff = {"before": {"sha256": before}, "after": {"sha256": after}}
    return {"changed": before != after, "path": module.params["path"], "sha256": after, "diff": diff}


def main() -> None:
    """The module's entry point."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        mutually_exclusive=[("src", "dest")],
        required_if=[("state", "present", ("src", "dest"), True)],
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
