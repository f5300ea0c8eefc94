"""The specs of the jobs that the planner starts. The agent adds PORT and GRILLE_* to their env."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace

from grille.wire.names import job_id
from grille.wire.specs import Health, JobSpec, ProcessType, Release, Resources, Scale, Ticket

from .types import Images, Limits

_SHELL = re.compile(r"[$|&;<>*?`(){}\[\]~#!\n]")
_NO_CHECK = Health(type="none")


def arguments(command: str) -> list[str]:
    """A command line as arguments to an image: split, or given to ``sh -c`` when only a shell can read it."""
    if not _SHELL.search(command):
        try:
            return shlex.split(command)
        except ValueError:
            pass  # an open quote: let the shell complain where the user sees it
    return ["sh", "-c", command]


def resources(process: ProcessType, scale: Scale) -> Resources:
    """The process type's limits with the scale's own over them."""
    own = process.resources
    memory = own.memory if scale.memory is None else scale.memory
    return replace(own, memory=memory, cpu=own.cpu if scale.cpu is None else scale.cpu)


def service(release: Release, name: str, scale: Scale, images: Images, ident: str, host: str, now: float) -> JobSpec:
    """One job of the process type ``name`` of a release."""
    process = release.processes[name]
    slug_command = ["start", name, process.command]
    return JobSpec(
        id=ident,
        host=host,
        app=release.app,
        process=name,
        release=release.version,
        kind="service",
        image=images.run if release.slug else release.image,
        created=now,
        command=slug_command if release.slug else arguments(process.command),
        slug=release.slug,
        env=dict(release.env),
        secrets=dict(release.secrets),
        port=process.port,
        service=f"{release.app}-{name}" if process.port else "",
        health=process.health if process.port else _NO_CHECK,
        resources=resources(process, scale),
        stop_grace=process.stop_grace,
        drain_deadline=process.drain_deadline,
    )


def one_off(ticket: Ticket, release: Release, images: Images, limits: Limits, host: str, now: float) -> JobSpec:
    """The job of a ticket of the ephemeral queue, on the app's current release."""
    command, given = str(ticket.payload.get("command", "")), ticket.payload.get("env") or {}
    return JobSpec(
        id=job_id(ticket.app, "run", ticket.id),
        host=host,
        app=ticket.app,
        process="run",
        release=release.version,
        kind="ephemeral",
        image=images.run if release.slug else release.image,
        created=now,
        command=["run", command] if release.slug else arguments(command),
        slug=release.slug,
        env={**release.env, **given},
        secrets={name: token for name, token in release.secrets.items() if name not in given},
        health=_NO_CHECK,
        resources=limits.run_resources,
        restart="never",
        deadline=_backstop(ticket),
    )


def build(ticket: Ticket, images: Images, limits: Limits, host: str, now: float) -> JobSpec:
    """The job of an attempt at a ticket of the builds queue; its env is the edge's to add."""
    return JobSpec(
        id=build_id(ticket),
        host=host,
        app=ticket.app,
        process="build",
        release=0,
        kind="build",
        image=images.build,
        created=now,
        command=["build"],
        secrets=dict(ticket.payload.get("secrets") or {}),
        health=_NO_CHECK,
        resources=limits.build_resources,
        restart="never",
        deadline=_backstop(ticket),
    )


def build_id(ticket: Ticket) -> str:
    """The id of the job of the attempt that ``ticket.attempts`` counts."""
    return job_id(ticket.app, "build", ticket.id, ticket.attempts)


def _backstop(ticket: Ticket) -> float:
    """The agent's own deadline, a little after the planner's: for when no controller is there to look."""
    return ticket.deadline + 30 if ticket.deadline else 0.0
