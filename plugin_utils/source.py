# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where an app's source comes from: a folder, a git working tree, or ``repo#ref``. Runs on the control node."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from ..module_utils.grille.errors import InvalidValue

URL = re.compile(r"[a-z][a-z0-9+.-]*://|[^/\s]+@[^/\s]+:")
SET_BY_HOOKS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
FORMS = "give a folder, or a git repository and a ref: path#ref or URL#ref"


@contextmanager
def opened(source: str, base: str) -> Iterator[str]:
    """The folder that holds the files of ``source``, for as long as the context lasts.

    Args:
        source: a folder; or ``repo#ref``, a path or URL of a git repository and a branch, tag or commit.
        base: what a relative path is relative to.
    Raises:
        InvalidValue: there is no such folder, repository or ref.
    """
    folder = os.path.join(base, os.path.expanduser(source))
    if not URL.match(source) and os.path.isdir(folder):
        yield os.path.normpath(folder)
        return
    if not URL.match(source) and "#" not in source:
        raise _missing(source, folder)
    repository, _, ref = source.rpartition("#") if "#" in source else (source, "", "HEAD")
    with tempfile.TemporaryDirectory(prefix="grille-source-") as scratch:
        _check_out(repository, ref or "HEAD", base, scratch)
        yield scratch


def files_of(folder: str) -> list[str]:
    """The paths of the files to pack, relative to ``folder``, sorted.

    In a git working tree those that git tracks or does not ignore; elsewhere all of them.
    """
    listed = _git_files(folder) if _in_git(folder) else _all_files(folder)
    return sorted(set(listed))


def _missing(source: str, folder: str) -> InvalidValue:
    if os.path.exists(folder):
        return InvalidValue(f"source {source} is not a folder", remedy=FORMS, code="bad_source")
    where = f" (looked for {folder})" if folder != source else ""
    return InvalidValue(f"source {source} does not exist{where}", remedy=FORMS, code="bad_source")


def _check_out(repository: str, ref: str, base: str, scratch: str) -> None:
    if not URL.match(repository):
        repository = os.path.normpath(os.path.join(base, os.path.expanduser(repository)))
        ref = _commit(repository, ref)
    _git(scratch, "init", "--quiet")
    fetched = _git(scratch, "fetch", "--quiet", "--depth=1", "--", repository, ref, check=False)
    if fetched.returncode:
        raise InvalidValue(
            f"source {repository}#{ref} cannot be fetched: {_complaint(fetched)}",
            remedy="see that the repository can be reached and that the ref is a branch, a tag or a full commit id",
            code="bad_source",
        )
    _git(scratch, "-c", "advice.detachedHead=false", "checkout", "--quiet", "FETCH_HEAD")


def _commit(repository: str, ref: str) -> str:
    """The full id of the commit that ``ref`` names in a repository on this machine."""
    if not os.path.isdir(repository):
        raise InvalidValue(f"source repository {repository} does not exist", remedy=FORMS, code="bad_source")
    if _git(repository, "rev-parse", "--git-dir", check=False).returncode:
        raise InvalidValue(
            f"source {repository} is not a git repository, so #{ref} means nothing",
            remedy=f"leave #{ref} out to deploy the folder as it is",
            code="bad_source",
        )
    found = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", check=False)
    if found.returncode:
        known = _git(repository, "for-each-ref", "--format=%(refname:short)", "--count=8", "refs/heads", "refs/tags")
        names = ", ".join(known.stdout.decode("utf-8", "replace").split()) or "none"
        raise InvalidValue(
            f"git repository {repository} has no ref {ref!r}",
            remedy=f"branches and tags there: {names}",
            code="bad_source",
        )
    return found.stdout.decode().split()[-1]


def _in_git(folder: str) -> bool:
    try:
        inside = _git(folder, "rev-parse", "--is-inside-work-tree", check=False)
    except InvalidValue:
        return False
    return inside.stdout.strip() == b"true"


def _git_files(folder: str) -> Iterator[str]:
    listed = _git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout
    for raw in listed.split(b"\0"):
        path = os.fsdecode(raw).rstrip("/")
        full = os.path.join(folder, path)
        if path and os.path.isdir(full) and not os.path.islink(full):  # a submodule, or a repository inside
            yield from (os.path.join(path, inner) for inner in files_of(full))
        elif path and os.path.lexists(full):
            yield path


def _all_files(folder: str) -> Iterator[str]:
    for parent, folders, names in os.walk(folder):
        linked = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        folders[:] = [name for name in folders if name != ".git"]
        for name in [*names, *linked]:
            if name != ".git":
                yield os.path.relpath(os.path.join(parent, name), folder)


def _git(folder: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if name not in SET_BY_HOOKS}
    environment |= {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, env=environment, check=False)
    except FileNotFoundError:
        raise InvalidValue("git is not installed here", remedy="install git, or deploy a folder") from None
    if check and done.returncode:
        raise InvalidValue(f"git {arguments[0]} failed in {folder}: {_complaint(done)}", code="bad_source")
    return done


def _complaint(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines or [f"exit {done.returncode}"]
    return told[0].removeprefix("fatal: ").removeprefix("error: ")
