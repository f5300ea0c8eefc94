"""Names and their rules: what an app, a process type, an environment variable may be called."""

from __future__ import annotations

import hashlib
import re

from .errors import InvalidValue

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?\Z")
PROCESS = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?\Z")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
DIGEST = re.compile(r"[0-9a-f]{64}\Z")
HOSTNAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\Z")

APP_MAX = 30  # room for "-<process>-<id>" within a DNS label's 63 characters
PROCESS_MAX = 20
BRIEF = 80
RESERVED_VARIABLES = ("PORT",)


def brief(value: object) -> str:
    """``value`` as errors show it: on one line, and cut where it is long."""
    shown = repr(value)
    return shown if len(shown) <= BRIEF else f"{shown[: BRIEF - 1]}…"


def _check(kind: str, value: object, rule: re.Pattern[str], most: int, says: str) -> str:
    if not isinstance(value, str) or not value or len(value) > most or not rule.match(value):
        raise InvalidValue(f"{kind} {brief(value)} is not valid", remedy=says, code=f"invalid_{kind.replace(' ', '_')}")
    return value


def check_app(value: object) -> str:
    """``value`` if it may name an app; raises InvalidValue."""
    return _check(
        "app name",
        value,
        LABEL,
        APP_MAX,
        f"use a DNS label: lower-case letters, digits and inner hyphens, at most {APP_MAX} characters",
    )


def check_process(value: object) -> str:
    """``value`` if it may name a process type; raises InvalidValue."""
    return _check(
        "process type",
        value,
        PROCESS,
        PROCESS_MAX,
        f"start with a letter; lower-case letters, digits and inner hyphens, at most {PROCESS_MAX} characters",
    )


def check_label(kind: str, value: object) -> str:
    """``value`` if it is a DNS label (a service, a host, an instance id); raises InvalidValue."""
    return _check(kind, value, LABEL, 63, "use a DNS label: lower-case letters, digits and inner hyphens")


def check_hostname(value: object) -> str:
    """``value`` if it is a lower-case DNS name of at most 253 characters; raises InvalidValue."""
    return _check("host name", value, HOSTNAME, 253, "use a DNS name in lower case, like shop.example.org")


def check_digest(value: object) -> str:
    """``value`` if it is a lower-case hexadecimal sha256; raises InvalidValue."""
    return _check("digest", value, DIGEST, 64, "use the 64 lower-case hexadecimal digits of a sha256")


def check_env(env: object) -> dict[str, str]:
    """``env`` if it is a mapping of valid environment variable names to strings; raises InvalidValue."""
    if not isinstance(env, dict):
        raise InvalidValue(f"env is {type(env).__name__}, not a mapping", remedy='use {"NAME": "value"}')
    for name, value in env.items():
        _check(
            "environment variable",
            name,
            VARIABLE,
            255,
            "use letters, digits and underscores, no leading digit",
        )
        if name in RESERVED_VARIABLES:
            raise InvalidValue(f"environment variable {name} is set by Grille", remedy=f"remove {name} from env")
        if not isinstance(value, str) or "\0" in value:
            raise InvalidValue(f"environment variable {name} is not a string", remedy="quote the value")
    return env


def job_id(app: str, process: str, *parts: object) -> str:
    """The deterministic id of a job, which is its container's name too: ``<app>-<process>-<8 hex digits>``.

    Args:
        parts: what tells this job from the app's others (release, slot, ticket…); the same parts, the same id.
    """
    seed = "\0".join(str(part) for part in (app, process, *parts))
    return f"{app}-{process}-{hashlib.sha256(seed.encode()).hexdigest()[:8]}"
