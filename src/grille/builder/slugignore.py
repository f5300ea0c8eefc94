"""``.slugignore``: what is taken out of the source before it is compiled. The patterns of .gitignore, without ``!``."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

NAME = ".slugignore"


def apply(app: Path) -> int:
    """Remove from the folder ``app`` what its .slugignore names; the number of files and folders removed."""
    path = app / NAME
    if not path.is_file():
        return 0
    rules = compile_rules(path.read_text(encoding="utf-8", errors="replace").splitlines())
    return sum(_clean(app, Path(folder), names, files, rules) for folder, names, files in os.walk(app))


def compile_rules(lines: Iterable[str]) -> list[tuple[re.Pattern[str], bool]]:
    """The rules of ``lines``: a pattern that matches a relative path, and whether it is for folders only."""
    rules = []
    for line in lines:
        rule = line.strip()
        if rule and not rule.startswith(("#", "!")):
            rules.append((re.compile(_expression(rule)), rule.endswith("/")))
    return rules


def matches(rules: list[tuple[re.Pattern[str], bool]], path: str, *, folder: bool) -> bool:
    """Whether a rule names the relative ``path``."""
    return any(rule.fullmatch(path) for rule, folders_only in rules if folder or not folders_only)


def _clean(
    app: Path, folder: Path, folders: list[str], files: list[str], rules: list[tuple[re.Pattern[str], bool]]
) -> int:
    removed = 0
    for name in [*folders, *files]:
        path = folder / name
        is_folder = name in folders and not path.is_symlink()
        if matches(rules, path.relative_to(app).as_posix(), folder=is_folder):
            removed += 1
            if is_folder:
                shutil.rmtree(path)
                folders.remove(name)
            else:
                path.unlink()
    return removed


def _expression(rule: str) -> str:
    body = rule.strip("/")
    anchored = "/" in rule.rstrip("/")
    parts = [_part(part) for part in re.split(r"(\*\*/|/\*\*$|\*|\?)", body)]
    return ("" if anchored else "(?:.*/)?") + "".join(parts)


def _part(text: str) -> str:
    return {"**/": "(?:.*/)?", "/**": "/.*", "*": "[^/]*", "?": "[^/]"}.get(text) or re.escape(text)
