"""Formations: what to start and stop so that each process type has its jobs, of the right release, at all times.

The same rules heal, scale, deploy and roll back: a deployment only changes which release is the right one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from grille.wire.specs import Formation, Release, Resources, Scale

from . import specs
from .types import Action, Job, StartJob, StopJob
from .view import View, ended, since

OVERDUE = 30.0  # a job that is stopping counts as there until this long after its drain and grace


@dataclass
class Group:
    """The jobs of one process type, sorted out. Lost jobs are in ``right_lost`` or ``wrong_lost`` only.

    ``right``: of the wanted release and resources, meant to run. ``spent``: of those, the ones that ended.
    ``wrong``: meant to run, but not what is wanted. ``leaving``: asked to stop, still there.
    """

    count: int
    right: list[Job] = field(default_factory=list)
    spent: list[Job] = field(default_factory=list)
    wrong: list[Job] = field(default_factory=list)
    leaving: list[Job] = field(default_factory=list)
    right_lost: list[Job] = field(default_factory=list)
    wrong_lost: list[Job] = field(default_factory=list)
    right_up: int = 0
    wrong_up: int = 0

    @property
    def settled(self) -> bool:
        """Whether all that is wanted is up and nothing else is meant to run."""
        return self.right_up >= self.count and not self.wrong

    @property
    def alive(self) -> int:
        """The jobs that may have a container."""
        wrong = sum(not ended(job) for job in self.wrong)
        return len(self.right) + wrong + len(self.leaving)


def process_types(view: View, formation: Formation, release: Release) -> list[str]:
    """The process types of the release, and those that only have jobs left."""
    return sorted({*release.processes, *view.services.get(formation.app, {})})


def group(view: View, formation: Formation, release: Release, process: str) -> Group:
    """The jobs of a process type, sorted out against the formation."""
    scale = formation.processes.get(process, Scale(count=0))
    kind = release.processes.get(process)
    limits = specs.resources(kind, scale) if kind else None
    result = Group(count=scale.count if kind else 0)
    for job in view.services.get(formation.app, {}).get(process, ()):
        _sort_in(view, result, job, job.spec.release == release.version and _same(job, limits))
    return result


def _same(job: Job, limits: Resources | None) -> bool:
    return limits is not None and job.spec.resources == limits


def _sort_in(view: View, result: Group, job: Job, right: bool) -> None:
    lost = view.where(job.spec.host) == "lost"
    if job.spec.desired == "stop":
        if not (lost or ended(job) or _overdue(view, job)):
            result.leaving.append(job)
    elif lost:
        (result.right_lost if right else result.wrong_lost).append(job)
    elif right:
        (result.spent if ended(job) else result.right).append(job)
        result.right_up += view.is_up(job)
    else:
        result.wrong.append(job)
        result.wrong_up += view.is_up(job)


def _overdue(view: View, job: Job) -> bool:
    if job.status is None or job.status.state not in ("draining", "stopping"):
        return False
    return view.now > job.status.changed + job.spec.drain_deadline + job.spec.stop_grace + OVERDUE


def converge(view: View, formation: Formation, release: Release, *, deploying: bool) -> Iterator[Action]:
    """The next steps towards the formation, for all its process types.

    While deploying, the jobs of process types that the release has no longer go last.
    """
    groups = {name: group(view, formation, release, name) for name in process_types(view, formation, release)}
    arrived = all(of.right_up >= of.count for of in groups.values())
    for name, of in groups.items():
        if name in release.processes or arrived or not deploying:
            yield from _stops(view, of)
            yield from _starts(view, of, formation, release, name)


def stop_all(view: View, app: str) -> Iterator[Action]:
    """Stop every service job of an app that has no release to run."""
    for jobs in view.services.get(app, {}).values():
        yield from (stop(job) for job in jobs if job.spec.desired == "run")


def stop(job: Job) -> StopJob:
    """Ask for a job's end."""
    return StopJob(replace(job.spec, desired="stop"))


def _due(view: View, job: Job) -> bool:
    """Whether a job that ended has waited long enough for another to take its place."""
    return view.now >= since(job) + view.limits.replace_backoff


def _waiting(view: View, of: Group) -> list[Job]:
    return [job for job in of.spent if not _due(view, job)]


def _starts(view: View, of: Group, formation: Formation, release: Release, name: str) -> Iterator[Action]:
    """New jobs up to the count; with jobs of another release there, at most half of the count over it."""
    surge = (of.count + 1) // 2
    missing = of.count - len(of.right) - len(_waiting(view, of))
    number = min(missing, of.count + surge - of.alive)
    if number <= 0:
        return
    hosts = view.placer.place(number, Counter(job.spec.host for job in (*of.right, *of.spent)))
    ids = islice(view.free_ids(formation.app, name, release.version), len(hosts))
    scale = formation.processes[name]
    for host, ident in zip(hosts, ids, strict=True):
        yield StartJob(specs.service(release, name, scale, view.state.images, ident, host, view.now))


def _stops(view: View, of: Group) -> Iterator[Action]:
    yield from (stop(job) for job in of.spent if _due(view, job))
    yield from _surplus(view, of)
    if of.right_up >= of.count:
        yield from (stop(job) for job in (*of.wrong, *of.wrong_lost))
    elif of.wrong:
        yield from _give_way(view, of)


def _surplus(view: View, of: Group) -> Iterator[Action]:
    """Right jobs beyond the count: those that wait for a replacement first, then the least useful."""
    waiting = _waiting(view, of)
    number = len(of.right) + len(waiting) - of.count
    if number > 0:
        ranked = [*waiting, *sorted(of.right, key=lambda job: _usefulness(view, job))]
        yield from (stop(job) for job in ranked[:number])


def _give_way(view: View, of: Group) -> Iterator[Action]:
    """Wrong jobs that may go while the right ones are not all up.

    One that is up goes only when ``count`` others are; one that is not, only when ``count`` others are meant to
    run; one on a host that is away stays, for it may be serving all the same.
    """
    here = [job for job in of.wrong if view.where(job.spec.host) == "live"]
    yield from (stop(job) for job in here if ended(job))
    ranked = sorted((job for job in here if not ended(job)), key=lambda job: _usefulness(view, job))
    up = [job for job in ranked if view.is_up(job)]
    idle = [job for job in ranked if not view.is_up(job)]
    spare_idle = len(of.right) + len([job for job in of.wrong if not ended(job)]) - of.count
    spare_up = of.right_up + of.wrong_up - of.count
    yield from (stop(job) for job in (*idle[: max(0, spare_idle)], *up[: max(0, spare_up)]))


def _usefulness(view: View, job: Job) -> tuple[bool, int, float, str]:
    """Sorts the least useful first: not up, on the most loaded host, youngest."""
    return view.is_up(job), -view.load.get(job.spec.host, 0), -job.spec.created, job.spec.id
