# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""What to tell of a ticket's progress: lines of output, and an app's jobs as their states change. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Progress:
    """What has been told so far; ``news`` gives the lines that are new."""

    states: dict[str, str] = field(default_factory=dict)
    queued: bool = False
    stdout: list[str] = field(default_factory=list)
    stderr: list[str] = field(default_factory=list)

    def news(self, answer: dict[str, Any]) -> list[str]:
        """The lines to show for one answer of grille_ticket_info."""
        ticket = answer["ticket"]
        release = ticket["payload"].get("release")
        return [*self._waiting(ticket), *self._output(answer["lines"]), *self._jobs(answer["jobs"], release)]

    def _waiting(self, ticket: dict[str, Any]) -> list[str]:
        if ticket["state"] != "queued" or self.queued:
            return []
        self.queued = True
        return [f"waiting in the queue {ticket['queue']}" + (f": {ticket['reason']}" if ticket["reason"] else "")]

    def _output(self, lines: list[dict[str, Any]]) -> list[str]:
        for line in lines:
            (self.stderr if line["stream"] == "stderr" else self.stdout).append(line["text"])
        return [str(line["text"]) for line in lines]

    def _jobs(self, jobs: list[dict[str, Any]], release: int | None) -> list[str]:
        """Only long-running jobs count; those of former releases are told of when they change."""
        now = {job["id"]: job for job in jobs if job["kind"] == "service"}
        lines = []
        for ident, job in now.items():
            before = self.states.get(ident, "")
            if before != job["state"] and (before or job["release"] == release):
                lines.append(_change(before, job))
        lines += [f"{ident} {state} → gone" for ident, state in self.states.items() if ident not in now]
        self.states = {ident: str(job["state"]) for ident, job in now.items()}
        return lines


def _change(before: str, job: dict[str, Any]) -> str:
    state = str(job["state"])
    reason = f": {job['reason']}" if job["reason"] and state in ("failed", "crashed", "unhealthy") else ""
    return f"{job['id']} {before} → {state}{reason}" if before else f"{job['id']} on {job['host']} {state}{reason}"
