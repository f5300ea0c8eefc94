"""Work done by a child process, so that the memory of what it imports and builds is given back when it ends."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import NoReturn

from ...wire.errors import Failed, GrilleError
from . import signals


def forked(task: Callable[[], str]) -> str:
    """What ``task`` returns, called in a child of this process (which must have no other thread).

    Raises:
        Failed: whatever the task raised, with its message, remedy and code.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        _child(task, writer)
    os.close(writer)
    with open(reader, "rb") as file:
        said = file.read()
    _, status = os.waitpid(pid, 0)
    answer = json.loads(said) if said else {"error": f"the child ended with status {status}"}
    if "error" in answer:
        raise Failed(answer["error"], remedy=answer.get("remedy", ""), code=answer.get("code", ""))
    return str(answer["result"])


def _child(task: Callable[[], str], writer: int) -> NoReturn:
    answer: dict[str, str] = {}
    try:
        signals.forget()
        answer = {"result": task()}
    except GrilleError as error:
        answer = {"error": error.message, "remedy": error.remedy, "code": error.code}
    except Exception as error:  # the parent makes one line of it, and lives on
        answer = {"error": f"{type(error).__name__}: {error}"}
    finally:
        with open(writer, "wb") as file:
            file.write(json.dumps(answer).encode())
        os._exit(0)
