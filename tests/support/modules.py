"""Ansible's modules, run in this process as Ansible runs them on a host."""

from __future__ import annotations

import importlib
import io
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

COLLECTIONS = str(Path(__file__).resolve().parents[2] / "collections")
MODULES = "ansible_collections.grille.grille.plugins.modules"


def run_module(module: str, /, check: bool = False, **arguments: Any) -> dict[str, Any]:
    """The result of a module, failed or not."""
    if COLLECTIONS not in sys.path:
        sys.path.insert(0, COLLECTIONS)
    output = io.StringIO()
    with (
        patch_module_args({**arguments, "_ansible_check_mode": check}),
        redirect_stdout(output),
        pytest.raises(SystemExit),
    ):
        importlib.import_module(f"{MODULES}.{module}").main()
    return dict(json.loads(output.getvalue()))
