"""Commands run by the lab, with an error that says what failed."""

from __future__ import annotations

import subprocess
from pathlib import Path

FOLDER = Path(__file__).parent


class LabError(Exception):
    """The lab cannot do what was asked; one line."""


def sh(*words: str | Path, check: bool = True, timeout: float = 600) -> str:
    """The output of a command; raises LabError with its last line of error output."""
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=timeout
    )
    if check and done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise LabError(f"{' '.join(map(str, words))} exited with {done.returncode}: {last}")
    return done.stdout
