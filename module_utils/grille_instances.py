# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether an app runs as its formation says, read from the controller's description of it. Pure."""

from __future__ import annotations

from typing import Any

Job = dict[str, Any]


def services(app: dict[str, Any]) -> list[Job]:
    """The app's long-running jobs: no builds, no one-off runs."""
    return [job for job in app.get("jobs") or [] if job.get("kind", "service") == "service"]


def missing(app: dict[str, Any]) -> list[str]:
    """One line for each way in which the app does not run as its formation says; empty when it does."""
    formation, types = app.get("formation") or {}, (app.get("release") or {}).get("processes") or {}
    jobs, lines = services(app), []
    for process, scale in sorted((formation.get("processes") or {}).items()):
        mine = [job for job in jobs if job["process"] == process and _wanted(job, formation["release"])]
        up = sum(job["state"] == "up" for job in mine)
        if process in types and up != scale["count"]:
            lines.append(f"{process}: {up} of {scale['count']} up{_others(mine)}")
    surplus = [job for job in jobs if not _wanted(job, formation.get("release"))]
    return lines + [f"{job['id']} is {job['state']}" for job in surplus]


def _wanted(job: Job, release: int | None) -> bool:
    return bool(job["release"] == release and job.get("desired", "run") == "run")


def _others(jobs: list[Job]) -> str:
    waiting = [f"{job['id']} {describe(job)}" for job in jobs if job["state"] != "up"]
    return f" ({', '.join(waiting)})" if waiting else ""


def describe(job: Job) -> str:
    """A job's state, with its reason where there is one."""
    return f"{job['state']}: {job['reason']}" if job.get("reason") and job["state"] != "up" else str(job["state"])


def failed(app: dict[str, Any]) -> dict[str, str]:
    """The current release's jobs that failed for good: id, and what to say of it."""
    release = (app.get("formation") or {}).get("release")
    return {
        job["id"]: f"{job['id']} on {job['host']} failed: {job.get('reason') or 'no reason is known'}"
        for job in services(app)
        if job["state"] == "failed" and _wanted(job, release)
    }


def cleared(ticket: dict[str, Any], app: dict[str, Any] | None) -> bool:
    """Whether nothing is left of a deployment that failed: its jobs, its release, its app if it was the first."""
    if app is None:
        return True
    version = ticket["payload"].get("release")
    known = [release["version"] for release in app.get("releases") or []]
    jobs = [job for job in services(app) if job["release"] == version]
    return bool(ticket["payload"].get("previous")) and version not in known and not jobs
