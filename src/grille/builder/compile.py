"""Heroku's buildpack API: bin/detect, bin/compile, bin/release, and the ``export`` file between two buildpacks."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from ..wire.errors import Failed, GrilleError, InvalidValue
from ..wire.names import check_env, check_process
from .buildpack import Buildpack
from .output import warn

STACK = "heroku-24"


@dataclass(frozen=True)
class Defaults:
    """What bin/release gives: process types for an app that does not declare them, and variables."""

    processes: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)


def environment(
    base: dict[str, str], app: Path, home: Path, request_id: str, version: str, time: int
) -> dict[str, str]:
    """The environment of a buildpack's programs.

    Args:
        home: a writable folder outside the app, so that what tools keep in ~ is not part of the slug.
        time: SOURCE_DATE_EPOCH; with it Python writes .pyc files that do not depend on files' times, which
            the slug changes.
    """
    fixed = {
        "HOME": str(home),
        "APP_DIR": str(app),
        "STACK": STACK,
        "REQUEST_ID": request_id,
        "SOURCE_VERSION": version,
        "SOURCE_DATE_EPOCH": str(time),
        "LANG": "C.UTF-8",
    }
    return {**base, **fixed}


def write_env_folder(folder: Path, env: dict[str, str]) -> None:
    """One file a variable, as bin/compile expects the app's configuration."""
    folder.mkdir()
    for name, value in env.items():
        (folder / name).write_text(value, encoding="utf-8")


def detect(pack: Buildpack, app: Path, environ: dict[str, str]) -> str | None:
    """What bin/detect calls the app (``Python``, say), None when the buildpack is not for it."""
    command = [pack.program("detect"), app]
    done = subprocess.run(command, cwd=pack.path, env=environ, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        return None
    return (done.stdout.strip().splitlines() or [pack.name])[0]


def run(pack: Buildpack, app: Path, cache: Path, env_folder: Path, environ: dict[str, str]) -> None:
    """Run bin/compile, its output being the build's; raises Failed, ``compile_failed``."""
    command = [pack.program("compile"), app, cache, env_folder]
    try:
        code = subprocess.run(command, cwd=pack.path, env=environ, stdin=subprocess.DEVNULL, check=False).returncode
    except OSError as error:
        raise failed(f"bin/compile of {pack.name} cannot be run: {error.strerror}", "check the buildpack") from None
    if code == -9:
        raise failed(f"bin/compile of {pack.name} was killed (SIGKILL)", "it may have run out of memory")
    if code:
        raise failed(f"bin/compile of {pack.name} failed with exit code {code}", "see the lines above")


def exported(pack: Buildpack, environ: dict[str, str]) -> dict[str, str]:
    """``environ`` as the buildpack's ``export`` file leaves it for the next buildpack."""
    if not (pack.path / "export").is_file():
        return environ
    command = ["bash", "-c", "source ./export >&2; env -0"]
    done = subprocess.run(command, cwd=pack.path, env=environ, stdout=subprocess.PIPE, text=True, check=False)
    pairs = (entry.partition("=") for entry in done.stdout.split("\0") if "=" in entry)
    return {name: value for name, _, value in pairs} if not done.returncode else environ


def release(pack: Buildpack, app: Path, environ: dict[str, str]) -> Defaults:
    """What bin/release says, nothing when there is none; raises Failed, ``compile_failed``."""
    if not pack.program("release").is_file():
        return Defaults()
    command = [pack.program("release"), app]
    done = subprocess.run(command, cwd=pack.path, env=environ, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise failed(f"bin/release of {pack.name} failed with exit code {done.returncode}", "check the buildpack")
    return parse_release(done.stdout, pack.name)


def parse_release(text: str, name: str) -> Defaults:
    """The defaults in the YAML that bin/release wrote; raises Failed, ``compile_failed``."""
    try:
        document = yaml.safe_load(text) or {}
        processes = {check_process(k): str(v) for k, v in (document.get("default_process_types") or {}).items()}
        variables = {str(k): str(v) for k, v in (document.get("config_vars") or {}).items()}
    except (yaml.YAMLError, AttributeError, InvalidValue) as error:
        reason = str(error).splitlines()[0]
        raise failed(
            f"bin/release of {name} wrote something else than it should: {reason}", "check the buildpack"
        ) from None
    try:
        return Defaults(processes, check_env(variables))
    except InvalidValue as error:
        warn(f"variables of bin/release are left out: {error.message}")
        return Defaults(processes)


def failed(message: str, remedy: str) -> GrilleError:
    """The error for a buildpack that does not compile the app."""
    return Failed(message, remedy=remedy, code="compile_failed")
