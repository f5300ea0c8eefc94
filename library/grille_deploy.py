#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: documentation of the action plugin of the same name, which does the work through other modules."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_deploy
short_description: Bring an app to a source or image, an environment and a scale
description:
  - Packs the source on the control node and compares it and all else that is given with the app's current release.
    What is the same already is not done again.
  - Builds the source if it is another one, makes a release, and deploys it without a failed request, showing the
    build's output and the instances' states as they come.
  - When the build or the deployment fails, the release before goes on serving and the task fails with the reason.
options:
  app:
    description: Name of the app, a DNS label of at most 30 characters; it is created when it does not exist.
    type: str
    required: true
  source:
    description:
      - A folder on the control node, or C(repo#ref), a path or URL of a git repository and a branch, tag or commit.
      - In a git working tree, files that git ignores are left out.
      - A path is relative to the folder in which C(ansible-playbook) was started.
      - Without O(source) and O(image), the code stays.
    type: str
  image:
    description: A Docker image that the hosts can pull, instead of a source.
    type: str
  env:
    description: Environment variables to set, laid over the current ones; one whose value is null is removed.
    type: dict
    default: {}
  secrets:
    description:
      - Secrets to set, laid over the current ones; one whose value is null is removed. They become environment
        variables too, but are encrypted at rest and never shown.
    type: dict
    default: {}
  scale:
    description: Instances of each process type, like C({"web":2}), or a dict of C(count), C(memory) (MiB) and C(cpu).
    type: dict
    default: {}
  buildpack:
    description: Name or git URL of the buildpack; by default the first that says the app is for it.
    type: str
  settings:
    description: Settings of process types, like C({"web":{"boot_timeout":30}}); see C(docs/ansible.md).
    type: dict
    default: {}
  description:
    description: A line that says what the release is for.
    type: str
    default: ""
  wait_timeout:
    description: Seconds that the build, and then the deployment, may each take.
    type: float
    default: 1200.0
attributes:
  check_mode:
    support: full
    description: Packs and compares; nothing leaves the control node but questions.
  diff_mode:
    support: full
    description: Shows what differs; of environment variables the names alone.
  idempotent:
    support: full
    description: Does nothing when the app is as asked.
  action:
    support: full
    description: Is an action plugin; takes the token from the environment of the control node.
extends_documentation_fragment: [grille.grille.auth, grille.grille.controller]
seealso:
  - module: grille.grille.grille_build
  - module: grille.grille.grille_release
"""

EXAMPLES = r"""
- name: Deploy the working tree
  grille_deploy:
    app: shop
    source: ../shop
    env:
      GREETING: hello
    scale:
      web: 2

- name: Deploy a tag
  grille_deploy:
    app: shop
    source: https://git.example.org/shop.git#v2

- name: Remove a variable; the code stays
  grille_deploy:
    app: shop
    env:
      GREETING: null
"""

RETURN = r"""
app:
  description: The app's name.
  type: str
  returned: success
release:
  description: The number of the app's current release; 0 in check mode when there is none.
  type: int
  returned: success
url:
  description: The address at which the app is served, empty when it has no route.
  type: str
  returned: success
source:
  description: The sha256 of the packed source, empty without one.
  type: str
  returned: success
"""
