"""Buildpacks: which ones an app is built with, and how to get those that are not built in."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ..wire.errors import GrilleError, Unprocessable
from . import transfer

BUILT_IN = ("python", "static", "procfile")  # in the order of detection
LIST_FILE = ".buildpacks"
MAX_BYTES = 500_000_000


@dataclass(frozen=True)
class Buildpack:
    """A buildpack on disk. ``name``: a built-in's name, or the URL that it came from."""

    name: str
    path: Path

    def program(self, verb: str) -> Path:
        """The path of ``bin/<verb>``."""
        return self.path / "bin" / verb


def wanted(buildpack_url: str, app: Path) -> list[str]:
    """The buildpacks that the user asks for, by name or URL: BUILDPACK_URL over .buildpacks; none: detect."""
    if buildpack_url:
        return [buildpack_url]
    path = app / LIST_FILE
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def obtain(reference: str, built_in: Path, scratch: Path, environ: dict[str, str]) -> Buildpack:
    """The buildpack that ``reference`` names.

    Args:
        reference: a built-in's name, the URL of a .tgz or .tar.gz, or of a git repository (``#branch`` or ``#commit``).
        built_in: the folder of the built-in buildpacks.
        scratch: a folder that does not exist yet, for one that is fetched.
    Raises:
        Unprocessable: ``no_buildpack``.
    """
    if reference in BUILT_IN:  # a copy: its bin/compile may write the file `export` into it
        return Buildpack(reference, shutil.copytree(built_in / reference, scratch))
    url = urlsplit(reference)
    if url.scheme not in ("https", "http", "git", "ssh", "file") or not (url.netloc or url.scheme == "file"):
        raise none(
            f"buildpack {reference!r} is neither built in nor a URL",
            f"name one of {', '.join(BUILT_IN)}, or the URL of a git repository or of a .tgz",
        )
    scratch.mkdir(parents=True)
    if url.path.endswith((".tgz", ".tar.gz")):
        _unpack(reference, scratch)
    else:
        _clone(reference, scratch, environ)
    return Buildpack(reference, _checked(reference, scratch))


def none(message: str, remedy: str) -> GrilleError:
    """The error for an app that no buildpack builds."""
    return Unprocessable(message, remedy=remedy, code="no_buildpack")


def _checked(reference: str, path: Path) -> Path:
    """The folder in ``path`` that holds bin/compile: itself, or the only folder in it (an archive from a forge)."""
    entries = list(path.iterdir())
    root = path if (path / "bin").is_dir() or len(entries) != 1 else entries[0]
    for verb in ("detect", "compile"):
        if not (root / "bin" / verb).is_file():
            raise none(f"{reference} is not a buildpack: it has no bin/{verb}", "check the buildpack's URL")
    for program in (root / "bin").iterdir():
        program.chmod(program.stat().st_mode | 0o111)
    return root


def _unpack(url: str, to: Path) -> None:
    archive = to.with_name(to.name + ".tgz")
    try:
        transfer.download(url, archive, most=MAX_BYTES)
        with tarfile.open(archive, "r:gz"):
            subprocess.run(["tar", "-xzf", archive, "-C", to, "--no-same-owner"], check=True, capture_output=True)
    except GrilleError as error:
        raise none(f"the buildpack cannot be fetched: {error.message}", "check the buildpack's URL") from None
    except (tarfile.TarError, subprocess.CalledProcessError, EOFError):
        raise none(f"{url} is not a gzipped tar archive", "check the buildpack's URL") from None


def _clone(reference: str, to: Path, environ: dict[str, str]) -> None:
    url, _, branch = reference.partition("#")
    environ = {**environ, "GIT_TERMINAL_PROMPT": "0"}
    shallow = ["git", "clone", "-q", "--depth", "1", "--recurse-submodules", "--shallow-submodules"]
    attempts = [[*shallow, *(["--branch", branch] if branch else []), url, "."]]
    if branch:  # not a branch or tag: a commit, which needs the history
        attempts.append(
            ["sh", "-c", 'git clone -q "$1" . && git checkout -q --recurse-submodules "$2"', "-", url, branch]
        )
    for command in attempts:
        done = subprocess.run(command, cwd=to, env=environ, capture_output=True, text=True, check=False)
        if not done.returncode:
            return
    reason = (done.stderr.strip().splitlines() or ["git failed"])[-1]
    raise none(f"the buildpack {reference} cannot be cloned: {reason}", "check the buildpack's URL")
