"""``python3 -m grille.builder``: one build, described by the environment; the one place where errors end."""

from __future__ import annotations

import os
import sys

from ..wire.errors import Failed, GrilleError, OutOfSpace
from .build import build
from .output import fail
from .task import Task
from .transfer import put_json


def main() -> int:
    """Build; 0: slug and result are stored, 1: the build failed and its result says why, 2: nobody could be told."""
    os.umask(0o022)
    try:
        task = Task.from_environ(os.environ)
        document, code = _attempt(task)
        put_json(task.result_url, document)
    except GrilleError as error:
        fail(error)
        return 2
    return code


def _attempt(task: Task) -> tuple[dict[str, object], int]:
    """The result document, and the exit code."""
    try:
        return build(task), 0
    except GrilleError as error:
        problem = error
    except OSError as error:
        kind = OutOfSpace if error.errno in (28, 122) else Failed  # ENOSPC, EDQUOT
        problem = kind(f"the build stopped: {error}", remedy="see the disk of the host that builds, then build again")
    fail(problem)
    return {"error": {"code": problem.code, "message": problem.message, "remedy": problem.remedy}}, 1


if __name__ == "__main__":
    sys.exit(main())
