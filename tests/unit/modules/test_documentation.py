"""Modules say what they do: DOCUMENTATION is the argument_spec, EXAMPLES fit it; only the standard library is used."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
PLUGINS = "ansible_collections.grille.grille.plugins"
MODULES = sorted(path.stem for path in (ROOT / "library").glob("grille_*.py"))
ACTIONS = sorted(path.stem for path in (ROOT / "action_plugins").glob("grille_*.py"))
OURS = [name for name in MODULES if "extends_documentation_fragment" in (ROOT / f"library/{name}.py").read_text()]
DEFAULTS: dict[str, Any] = {"type": "str", "required": False, "default": None, "choices": None, "elements": None}


def _module(name: str) -> Any:
    return importlib.import_module(f"{PLUGINS}.modules.{name}")


def _spec(name: str) -> dict[str, Any]:
    where = "action" if name == "grille_deploy" else "modules"
    spec: dict[str, Any] = importlib.import_module(f"{PLUGINS}.{where}.{name}").ARGUMENTS
    return spec


def _documented(name: str, part: str = "options") -> dict[str, Any]:
    """A part of a module's documentation as Ansible shows it: the fragments' and its own."""
    text = yaml.safe_load(_module(name).DOCUMENTATION)
    whole: dict[str, Any] = {}
    for fragment in text["extends_documentation_fragment"]:
        found = importlib.import_module(f"{PLUGINS}.doc_fragments.{fragment.rpartition('.')[2]}")
        whole |= yaml.safe_load(found.ModuleDocFragment.DOCUMENTATION).get(part, {})
    return whole | text.get(part, {})


def _facts(options: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What both sides say of each option, and of the options within it (``suboptions`` where they are documented)."""
    return {
        name: {key: option.get(key, usual) for key, usual in DEFAULTS.items()}
        | {"within": _facts(option.get("suboptions") or option.get("options") or {})}
        for name, option in options.items()
    }


def test_modules_were_found() -> None:
    assert len(OURS) >= 12


@pytest.mark.parametrize("name", OURS)
def test_documentation_equals_the_argument_spec(name: str) -> None:
    assert _facts(_documented(name)) == _facts(_spec(name))


@pytest.mark.parametrize("name", OURS)
def test_documentation_is_whole(name: str) -> None:
    module = _module(name)
    text = yaml.safe_load(module.DOCUMENTATION)
    assert text["module"] == name
    assert {"check_mode", "diff_mode", "idempotent"} <= set(_documented(name, "attributes"))
    assert all("description" in value for value in yaml.safe_load(module.RETURN).values())
    for task in yaml.safe_load(module.EXAMPLES):
        for used, options in task.items():
            if used in OURS:
                assert set(options or {}) <= set(_spec(used)), task["name"]


@pytest.mark.parametrize("name", ACTIONS)
def test_every_action_has_its_module(name: str) -> None:
    assert name in MODULES
    assert _module(name).DOCUMENTATION
    assert importlib.import_module(f"{PLUGINS}.action.{name}").ActionModule


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module or "")
    return found


SHIPPED = [
    *(ROOT / "library").glob("*.py"),
    *(ROOT / "module_utils").glob("*.py"),
    *(ROOT / "src/grille/wire").glob("*.py"),
]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_what_goes_to_target_hosts_needs_nothing_installed(path: Path) -> None:
    foreign = {name for name in _imports(path) if name.partition(".")[0] not in sys.stdlib_module_names}
    assert {name for name in foreign if not name.startswith("ansible.module_utils.")} == set()


def test_module_utils_is_the_wire_package_itself() -> None:
    assert (ROOT / "module_utils/grille").resolve() == ROOT / "src/grille/wire"
