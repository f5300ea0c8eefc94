"""Whether a JobSpec that came over HTTP may be one: names, limits, and what only the grid's own jobs may have."""

from __future__ import annotations

from ..wire.errors import Forbidden, InvalidValue
from ..wire.names import check_app, check_digest, check_env, check_label, check_process
from ..wire.specs import JobSpec

JOB_MAX = 63
MOST_CPU_WEIGHT = 64


def check_spec(spec: JobSpec, job: str, host: str) -> JobSpec:
    """``spec`` if it may be job ``job`` of ``host``; raises InvalidValue naming the field."""
    check_label("job id", spec.id)
    check_app(spec.app)
    check_process(spec.process)
    check_env(spec.env)
    if spec.id != job:
        raise InvalidValue(f"id is {spec.id!r} but the path says {job!r}", remedy="put a job at its own id")
    if spec.host != host:
        raise InvalidValue(f"host is {spec.host!r}; this agent is {host!r}", remedy="ask that host's agent")
    if not spec.image:
        raise InvalidValue("image is empty", remedy="name the image to run")
    if spec.service:
        check_label("service", spec.service)
    if spec.slug is not None:
        check_digest(spec.slug.digest)
    if not 0 <= spec.port <= 65535:
        raise InvalidValue(f"port is {spec.port}", remedy="use 1 to 65535, or 0 for none")
    if not 0 <= spec.cpu_weight <= MOST_CPU_WEIGHT:
        raise InvalidValue(
            f"cpu_weight is {spec.cpu_weight}", remedy=f"use 1 to {MOST_CPU_WEIGHT}, or 0 for the usual share"
        )
    return spec


def privileged(spec: JobSpec) -> bool:
    """Whether ``spec`` asks for what only the grid's own jobs may have."""
    return bool(spec.critical or spec.mounts or spec.capabilities or spec.cpu_weight or spec.network == "host")


def check_right(spec: JobSpec, role: str) -> None:
    """Raises Forbidden when ``role`` may not put ``spec``."""
    if privileged(spec) and role != "admin":
        raise Forbidden(
            "critical, mounts, capabilities, cpu_weight and network: host are for the grid's own jobs",
            remedy="use an admin token",
        )


def check_removable(spec: JobSpec, role: str, force: bool) -> None:
    """Raises Forbidden (code ``critical``) when ``spec`` may not be stopped by ``role``."""
    if not spec.critical or (force and role == "admin"):
        return
    raise Forbidden(
        f"job {spec.id} is one of the grid's own and is not removed by accident",
        remedy="add ?force=1 with an admin token if you mean it",
        code="critical",
    )
