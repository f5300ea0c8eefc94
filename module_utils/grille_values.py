# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads what people write for scale, env and settings, on the command line or in YAML. Pure."""

from __future__ import annotations

from typing import Any

from .grille.errors import InvalidValue
from .grille.names import check_env, check_process

SCALE_FIELDS = ("count", "memory", "cpu")


def parse_scale(value: object) -> dict[str, dict[str, int | float]]:
    """``{"web": 4}``, ``{"web": "4"}`` or ``{"web": {"count": 4, "memory": 256, "cpu": 0.5}}`` as the last form.

    Raises:
        InvalidValue: naming the process type and what would be right.
    """
    if not isinstance(value, dict) or not value:
        raise InvalidValue(f"scale {value!r} is not valid", remedy='use {"web": 4, "worker": 1}', code="invalid_scale")
    return {check_process(process): _scale_of(process, wish) for process, wish in value.items()}


def _scale_of(process: str, wish: object) -> dict[str, int | float]:
    fields = wish if isinstance(wish, dict) else {"count": wish}
    unknown = sorted(set(fields) - set(SCALE_FIELDS))
    if unknown or not fields:
        raise InvalidValue(
            f"scale of {process} {wish!r} is not valid", remedy=f"use {', '.join(SCALE_FIELDS)}", code="invalid_scale"
        )
    return {name: _number(process, name, number) for name, number in fields.items()}


def _number(process: str, name: str, value: Any) -> int | float:
    least = 0 if name == "count" else 0.001
    try:
        wrong = isinstance(value, bool) or (isinstance(value, float) and name != "cpu")
        number = -1 if wrong else (float(value) if name == "cpu" else int(value))
    except (TypeError, ValueError):
        number = -1
    if not least <= number <= 1_000_000:
        says = {"count": "0 or a whole number above", "memory": "whole MiB", "cpu": "a number above 0"}[name]
        raise InvalidValue(
            f"scale of {process}: {name} {value!r} is not valid", remedy=f"use {says}", code="invalid_scale"
        )
    return number


def parse_env(value: object) -> dict[str, str | None]:
    """``value`` as environment variables: strings, numbers made strings, None for "remove it".

    Raises:
        InvalidValue: naming the variable; its value is never in the message.
    """
    if value in (None, ""):
        return {}
    if not isinstance(value, dict):
        raise InvalidValue(f"env is {_kind(value)}, not a mapping", remedy='use {"NAME": "value"}', code="invalid_env")
    env = {str(name): _text(str(name), text) for name, text in value.items()}
    check_env({name: text or "" for name, text in env.items()})
    return env


def _text(name: str, value: object) -> str | None:
    if value is None or isinstance(value, str):
        return None if value is None else str(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidValue(
            f"environment variable {name} is {_kind(value)}, not a string", remedy="quote the value", code="invalid_env"
        )
    return str(value)


def parse_settings(value: object) -> dict[str, dict[str, Any] | None]:
    """``{"web": {"boot_timeout": 5}}``: settings of process types, null for the defaults; the controller checks them.

    Raises:
        InvalidValue: it is not a mapping of mappings.
    """
    if value in (None, ""):
        return {}
    if not isinstance(value, dict) or not all(fields is None or isinstance(fields, dict) for fields in value.values()):
        raise InvalidValue(
            f"settings {value!r} are not valid", remedy='use {"web": {"boot_timeout": 30}}', code="invalid_settings"
        )
    return {check_process(process): fields for process, fields in value.items()}


def _kind(value: object) -> str:
    names = {bool: "a boolean", list: "a list", dict: "a mapping", str: "a string"}
    return next((name for kind, name in names.items() if isinstance(value, kind)), "a number")
