# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who runs Ansible, for others to read: a CI job by its address, else a user on a host."""

from __future__ import annotations

import getpass
import platform
from collections.abc import Mapping


def owner(environ: Mapping[str, str]) -> str:
    """The URL of the CI job that the environment of GitHub Actions, GitLab CI or Jenkins names, else ``user@host``."""
    if run := environ.get("GITHUB_RUN_ID"):
        server, repository = environ.get("GITHUB_SERVER_URL", ""), environ.get("GITHUB_REPOSITORY", "")
        return f"{server}/{repository}/actions/runs/{run}" if server and repository else f"GitHub run {run}"
    for name in ("CI_JOB_URL", "BUILD_URL"):
        if environ.get(name):
            return environ[name]
    return f"{_user()}@{platform.node() or 'unknown'}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user that no passwd knows
        return "somebody"
