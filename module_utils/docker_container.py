# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A container of layer 0 as data: how it is described, compared, asked of Docker. Does nothing by itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

CONFIG_LABEL = "grille.config"
COMPARED: tuple[str, ...] = ("command", "env", "labels", "mounts", "capabilities", "security_options", "device_rules")
COMPARED += ("pid_mode", "cgroup_mode", "memory", "stop_timeout")


def describe(params: dict[str, Any], image_id: str) -> dict[str, Any]:
    """The description kept in the container's label: the parameters that matter, and the image behind the name."""
    wanted = {key: params[key] for key in COMPARED}
    for key in ("env", "labels"):
        wanted[key] = {name: str(value) for name, value in params[key].items()}
    return {"image": params["image"], "image_id": image_id, **wanted}


def described(found: dict[str, Any] | None) -> dict[str, Any]:
    """The description that a container carries; empty when there is none to read."""
    label = (((found or {}).get("Config") or {}).get("Labels") or {}).get(CONFIG_LABEL, "")
    try:
        return dict(json.loads(label))
    except (ValueError, TypeError):
        return {}


def kept(found: dict[str, Any] | None, wanted: dict[str, Any]) -> dict[str, Any]:
    """``wanted`` with the image that the container has already, if it has one."""
    before = described(found)
    return {**wanted, **{key: before[key] for key in ("image", "image_id") if key in before}}


def decide(found: dict[str, Any] | None, wanted: dict[str, Any] | None) -> list[str]:
    """The actions that turn the container ``found`` into the one ``wanted`` (None: absent)."""
    if wanted is None:
        return [] if found is None else ["remove"]
    if found is None:
        return ["create", "start"]
    if described(found) != wanted:
        return ["remove", "create", "start"]
    return [] if (found.get("State") or {}).get("Running") else ["start"]


def request(wanted: dict[str, Any], first: Sequence[str] = ()) -> dict[str, Any]:
    """The body of Docker's request that creates the container ``wanted``.

    Args:
        first: arguments after its command that are no part of its description.
    """
    command = [*wanted["command"], *first]
    host: dict[str, Any] = {
        "NetworkMode": "host",
        "RestartPolicy": {"Name": "always"},
        "Mounts": [mount(one) for one in wanted["mounts"]],
        "CapAdd": wanted["capabilities"],
        "SecurityOpt": wanted["security_options"],
        "DeviceCgroupRules": wanted["device_rules"],
        "PidMode": wanted["pid_mode"],
        "CgroupnsMode": wanted["cgroup_mode"],
        "Memory": wanted["memory"] * 1024 * 1024,
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
    }
    body = {
        "Image": wanted["image"],
        "Env": [f"{name}={value}" for name, value in sorted(wanted["env"].items())],
        "Labels": {**wanted["labels"], CONFIG_LABEL: json.dumps(wanted, sort_keys=True)},
        "StopTimeout": wanted["stop_timeout"],
        "HostConfig": host,
    }
    return {**body, "Cmd": command} if command else body


def mount(one: dict[str, Any]) -> dict[str, Any]:
    """A bind mount in the engine's words."""
    return {
        "Type": "bind",
        "Source": one["source"],
        "Target": one["target"],
        "ReadOnly": one["read_only"],
        "BindOptions": {"Propagation": one["propagation"]},
    }
