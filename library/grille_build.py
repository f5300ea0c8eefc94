#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: start the build of an app's source. Its action plugin packs, sends, follows and waits."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_build
short_description: Build an app from source
description:
  - Packs the source on the control node, stores it in the grid, has a buildpack make a slug of it and shows the
    build's output as it comes.
  - M(grille.grille.grille_deploy) does this and releases the result.
options:
  app:
    description: Name of the app; it need not exist yet.
    type: str
    required: true
  source:
    description:
      - A folder on the control node, or C(repo#ref), a path or URL of a git repository and a branch, tag or commit.
      - In a git working tree, files that git ignores are left out.
      - A path is relative to the folder in which C(ansible-playbook) was started.
      - A sha256 names a source that is in the grid already.
    type: str
    required: true
  env:
    description: Environment variables that the buildpack is given.
    type: dict
    default: {}
  secrets:
    description: Secrets that the buildpack is given as variables; they are encrypted on their way.
    type: dict
    default: {}
  buildpack:
    description: Name or git URL of the buildpack; by default the first that says the app is for it.
    type: str
  wait_timeout:
    description: Seconds that the build may take.
    type: float
    default: 1200.0
attributes:
  check_mode:
    support: full
    description: Packs the source and says that it would be built.
  diff_mode:
    support: none
    description: There is nothing to compare a build with.
  idempotent:
    support: none
    description: Builds whenever it is asked to; M(grille.grille.grille_deploy) builds only what is not built yet.
  action:
    support: full
    description: Packs and follows on the control node; takes the token from its environment.
extends_documentation_fragment: [grille.grille.auth, grille.grille.controller]
seealso:
  - module: grille.grille.grille_deploy
"""

EXAMPLES = r"""
- name: Build the working tree
  grille_build:
    app: shop
    source: ../shop
  register: built

- name: Release it
  grille_release:
    app: shop
    build: "{{ built.ticket.id }}"
"""

RETURN = r"""
ticket:
  description: The build's ticket; its C(result) has the slug, the process types and the buildpack. Empty in check mode.
  type: dict
  returned: success
source:
  description: The sha256 of the packed source.
  type: str
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille.names import check_app, check_digest
from ..module_utils.grille_module import Result, arguments, client, run
from ..module_utils.grille_values import parse_env

ARGUMENTS = arguments(
    app={"type": "str", "required": True},
    source={"type": "str", "required": True},
    env={"type": "dict", "default": {}},
    secrets={"type": "dict", "default": {}, "no_log": True},
    buildpack={"type": "str"},
    wait_timeout={"type": "float", "default": 1200.0},
)


def ensure(module: AnsibleModule) -> Result:
    """Start the build of a source that is in shelf; waits for nothing."""
    params: dict[str, Any] = module.params
    app, source = check_app(params["app"]), check_digest(params["source"])
    if module.check_mode:
        return {"changed": True, "source": source, "ticket": {}}
    env = {name: value for name, value in parse_env(params["env"]).items() if value is not None}
    secrets = {name: value for name, value in parse_env(params["secrets"]).items() if value is not None}
    wish = {"source": source, "env": env, "buildpack": params["buildpack"], "deadline": params["wait_timeout"]}
    wish["secrets"] = secrets
    body = {name: value for name, value in wish.items() if value}
    return {"changed": True, "source": source, "ticket": client(params).post(f"/apps/{app}/builds", body)}


def main() -> None:
    """The module's entry point."""
    run(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
