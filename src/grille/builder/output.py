"""What the user reads while a build runs, in the manner of Heroku's builds. Lines go out at once."""

from __future__ import annotations

from ..wire.errors import GrilleError


def title(text: str) -> None:
    """A step begins."""
    print(f"-----> {text}", flush=True)


def line(text: str) -> None:
    """A detail of the step."""
    print(f"       {text}", flush=True)


def warn(text: str) -> None:
    """Something that does not stop the build, and that the user should know."""
    print(f" !     {text}", flush=True)


def fail(error: GrilleError) -> None:
    """Why the build ends here, and what to do."""
    warn(error.message)
    if error.remedy:
        warn(error.remedy)


def megabytes(size: int) -> str:
    """``size`` bytes as people read it: ``12.3 MB``, or ``37 kB`` when it is that little."""
    if size < 100_000:
        return f"{size / 1000:.0f} kB"
    return f"{size / 1_000_000:.1f} MB"
