"""Process types: from a Procfile's lines or an image, with the settings that users lay over them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...codec import convert, plain
from ...wire.errors import InvalidValue
from ...wire.names import check_process
from ...wire.specs import WEB_PORT, Health, ProcessType, Resources
from .checks import only, unknown_process

SETTINGS = ("healthcheck", "boot_timeout", "stop_grace", "drain_deadline", "resources", "port")
HEALTH = ("type", "path", "interval", "timeout", "threshold", "boot_timeout")
RESOURCES = ("memory", "cpu", "pids")
PATH = re.compile(r"/[!-~]*\Z")
RANGES: dict[str, tuple[float, float]] = {
    "interval": (0.1, 600),
    "timeout": (0.1, 600),
    "threshold": (1, 100),
    "boot_timeout": (1, 3600),
    "stop_grace": (0, 3600),
    "drain_deadline": (0, 3600),
    "memory": (16, 2**20),
    "cpu": (0.01, 1024),
    "pids": (8, 2**20),
    "port": (0, 65535),
}


def from_commands(commands: Mapping[str, object], former: Mapping[str, ProcessType]) -> dict[str, ProcessType]:
    """The process types of ``commands`` (name: command line), with the settings that they had in ``former``.

    Raises:
        InvalidValue: a name that no process type may have, a command that is no string.
    """
    found: dict[str, ProcessType] = {}
    for name, command in commands.items():
        if not isinstance(command, str) or "\0" in command:
            raise InvalidValue(f"the command of process type {name!r} is not a string", remedy="give a command line")
        base = former.get(name) or ProcessType(port=WEB_PORT if name == "web" else 0)
        found[check_process(name)] = _over(base, {"command": command}, name)
    return found


def with_settings(processes: dict[str, ProcessType], settings: Mapping[str, Any], of: str) -> dict[str, ProcessType]:
    """``processes`` with users' settings laid over them; null settings go back to the defaults.

    Raises:
        Unprocessable: an unknown process type. InvalidValue: an unknown setting or a value out of range.
    """
    result = dict(processes)
    for name, wanted in settings.items():
        if name not in result:
            raise unknown_process(name, processes, of)
        result[name] = _settled(name, result[name], wanted)
    return result


def _settled(name: str, process: ProcessType, wanted: object) -> ProcessType:
    usual = ProcessType(command=process.command, port=WEB_PORT if name == "web" else 0)
    if wanted is None:
        return usual
    if not isinstance(wanted, dict):
        raise InvalidValue(f"settings of {name} are not a mapping", remedy=f"use: {', '.join(SETTINGS)}")
    only(wanted, SETTINGS, f"settings of {name}")
    changes: dict[str, Any] = {
        key: getattr(usual, key) if wanted[key] is None else wanted[key]
        for key in ("stop_grace", "drain_deadline", "port")
        if key in wanted
    }
    changes["health"] = _health(name, process.health, wanted)
    if "resources" in wanted:
        changes["resources"] = _part(name, "resources", wanted["resources"], process.resources, Resources(), RESOURCES)
    _in_range(name, changes)
    return _over(process, changes, name)


def _health(name: str, former: Health, wanted: dict[str, Any]) -> dict[str, Any]:
    health = plain(former)
    if "healthcheck" in wanted:
        health = _part(name, "healthcheck", wanted["healthcheck"], former, Health(), HEALTH)
        given = wanted["healthcheck"] or {}
        if "path" in given and "type" not in given:
            health["type"] = "http"
    if "boot_timeout" in wanted:
        health["boot_timeout"] = wanted["boot_timeout"] or Health().boot_timeout
    if not isinstance(health["path"], str) or not PATH.match(health["path"]):
        raise InvalidValue(
            f"health check path {health['path']!r} of {name} is not valid", remedy="use one like /health"
        )
    _in_range(name, health)
    return dict(health)


def _part(
    name: str, key: str, given: object, former: object, usual: object, allowed: tuple[str, ...]
) -> dict[str, Any]:
    if given is None:
        return dict(plain(usual))
    if not isinstance(given, dict):
        raise InvalidValue(f"{key} of {name} is not a mapping", remedy=f"use: {', '.join(allowed)}")
    only(given, allowed, f"{key} of {name}")
    result = {**plain(former), **given}
    _in_range(name, result)
    return result


def _in_range(name: str, values: dict[str, Any]) -> None:
    for key, value in values.items():
        if key not in RANGES:
            continue
        least, most = RANGES[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise InvalidValue(f"{key} of {name} is {value!r}", remedy=f"use a number from {least:g} to {most:g}")


def _over(process: ProcessType, changes: dict[str, Any], name: str) -> ProcessType:
    return convert(ProcessType, {**plain(process), **changes}, what=f"process type {name}")
