#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: make a release of an app and deploy it. Its action plugin follows the deployment to its end."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_release
short_description: Release an app - new code, other configuration, or a former release again
description:
  - A release pairs code with configuration. Each one is deployed at once, without a failed request - new instances
    come up before those of the release before stop.
  - When a deployment fails, the release before goes on serving and the task fails with the reason.
options:
  app:
    description: Name of the app.
    type: str
    required: true
  build:
    description: Id of the ticket of a build that succeeded; its slug is the code.
    type: str
  image:
    description: A Docker image that the hosts can pull; it is the code.
    type: str
  from_release:
    description:
      - Number of a former release, whose code and environment are taken; V(previous) for the one before the current.
      - Without O(build), O(image) and this, the code stays.
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
    description:
      - Instances of each process type, like C({"web":2}), or a dict of C(count), C(memory) (MiB) and C(cpu). When it
        alone differs, the app is scaled without a release.
    type: dict
    default: {}
  settings:
    description: Settings of process types, like C({"web":{"boot_timeout":30}}); see C(docs/ansible.md).
    type: dict
    default: {}
  description:
    description: A line that says what the release is for.
    type: str
    default: ""
  wait_timeout:
    description: Seconds that the deployment may take.
    type: float
    default: 900.0
attributes:
  check_mode:
    support: full
    description: Says whether there would be a release.
  diff_mode:
    support: full
    description: Shows what differs; of environment variables the names alone.
  idempotent:
    support: full
    description: Makes no release when the current one is like what is asked for. V(previous) is another one each time.
  action:
    support: full
    description: Follows the deployment on the control node; takes the token from its environment.
extends_documentation_fragment: [grille.grille.auth, grille.grille.controller]
seealso:
  - module: grille.grille.grille_deploy
"""

EXAMPLES = r"""
- name: Set a variable
  grille_release:
    app: shop
    env:
      GREETING: hello

- name: Go back to the release before
  grille_release:
    app: shop
    from_release: previous
"""

RETURN = r"""
release:
  description: The number of the app's release, the new one when one was made.
  type: int
  returned: success
ticket:
  description: The deployment's ticket; empty when nothing was deployed.
  type: dict
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille.client import Client
from ..module_utils.grille.errors import InvalidValue, NotFound, Unprocessable
from ..module_utils.grille.names import check_app
from ..module_utils.grille_compare import asked, differs, noted, shown, view
from ..module_utils.grille_module import Result, arguments, client, find, run
from ..module_utils.grille_values import parse_env, parse_scale, parse_settings

ARGUMENTS = arguments(
    app={"type": "str", "required": True},
    build={"type": "str"},
    image={"type": "str"},
    from_release={"type": "str"},
    env={"type": "dict", "default": {}},
    secrets={"type": "dict", "default": {}, "no_log": True},
    scale={"type": "dict", "default": {}},
    settings={"type": "dict", "default": {}},
    description={"type": "str", "default": ""},
    wait_timeout={"type": "float", "default": 900.0},
)


def ensure(module: AnsibleModule) -> Result:
    """Make the release if it would differ from the current one; waits for nothing."""
    params: dict[str, Any] = module.params
    name, wish = check_app(params["app"]), _wish(params)
    api = client(params)
    found = find(api, f"/apps/{name}")
    if not found and not (wish.get("build") or wish.get("image")):
        raise NotFound(f"there is no app {name!r}", remedy="deploy it first, with a source or an image")
    found = found or {}
    if "from_release" in wish:
        wish["from_release"] = former(found, wish["from_release"])
    before = view(found.get("release"), found.get("formation"))
    after = _after(api, found, before, wish)
    secrets = _secrets(api, name, wish)
    same = not differs({**before, "scale": {}}, {**after, "scale": {}})
    unchanged = before["release"] and same and not any(secrets.values())
    if unchanged:  # a scale that alone differs is the affair of grille_scale
        after = before
    result: Result = {
        "changed": not unchanged,
        "release": before["release"],
        "ticket": {},
        "diff": {side: {**part, **secrets[side]} for side, part in shown(before, after).items()},
    }
    if unchanged or module.check_mode:
        return result
    made = api.post(f"/apps/{name}/releases", wish)
    return {**result, "changed": bool(made["ticket"]), "release": _number(made), "ticket": made["ticket"] or {}}


def _wish(params: dict[str, Any]) -> dict[str, Any]:
    """The body of the request: what is given, checked."""
    wish = {name: params[name] for name in ("build", "image", "from_release", "description")}
    wish |= {"env": parse_env(params["env"]), "secrets": parse_env(params["secrets"])}
    wish |= {"settings": parse_settings(params["settings"])}
    wish["scale"] = parse_scale(params["scale"]) if params["scale"] else {}
    return {name: value for name, value in wish.items() if value}


def _secrets(api: Client, name: str, wish: dict[str, Any]) -> dict[str, Any]:
    """The difference in secrets, which the controller alone can tell."""
    if "secrets" not in wish:
        return {"before": {}, "after": {}}
    told = api.put(f"/config/apps/{name}", {"secrets": wish["secrets"], "dry_run": True})
    return noted({kind: names for kind, names in told["differences"].items() if kind == "secrets"})


def former(app: dict[str, Any], wanted: str) -> int:
    """The version of the former release that ``wanted`` names: a number, or ``previous``.

    Raises:
        InvalidValue, NotFound: it is neither, or there is no such release.
    """
    versions = sorted(release["version"] for release in app.get("releases") or [])
    current = (app.get("release") or {}).get("version", 0)
    known = ", ".join(str(version) for version in versions) or "none"
    if wanted != "previous" and not (wanted.isdecimal() and wanted.isascii()):
        raise InvalidValue(f"release {wanted!r} is not a number", remedy=f"releases: {known}", code="invalid_version")
    if wanted != "previous" and int(wanted) not in versions:
        raise NotFound(f"there is no release {wanted}", remedy=f"releases: {known}", code="unknown_release")
    earlier = [version for version in versions if version < current]
    if wanted == "previous" and not earlier:
        raise Unprocessable(
            "there is no release before the current one", remedy=f"releases: {known}", code="no_previous"
        )
    return earlier[-1] if wanted == "previous" else int(wanted)


def _after(api: Client, app: dict[str, Any], before: dict[str, Any], wish: dict[str, Any]) -> dict[str, Any]:
    """The app as the release would make it."""
    laid = {name: wish.get(name) for name in ("settings", "scale", "env")}
    if "from_release" not in wish:
        return asked(before, code=_code(api, wish), **laid)
    version = wish["from_release"]
    taken = view(next(one for one in app["releases"] if one["version"] == version), app.get("formation"))
    return asked({**taken, "release": before["release"]}, **laid)


def _code(api: Client, wish: dict[str, Any]) -> dict[str, Any] | None:
    if "image" in wish:
        return {"image": wish["image"]}
    if "build" not in wish:
        return None
    ticket = api.get(f"/tickets/{wish['build']}")
    made = ticket.get("result") or {}
    code = {"source": ticket["payload"].get("source"), "slug": (made.get("slug") or {}).get("digest")}
    return {**code, "buildpack": made.get("buildpack"), "processes": made.get("processes"), "env": made.get("env")}


def _number(made: dict[str, Any]) -> int:
    release = made["release"]
    return int(release["version"] if isinstance(release, dict) else release)


def main() -> None:
    """The module's entry point."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        mutually_exclusive=[("build", "image", "from_release")],
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
