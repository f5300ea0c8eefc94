"""Actions of the planner as transactions on the store: pure, made at once from the records that were planned upon."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ...codec import encode
from ...store import Check, Delete, Put
from ...wire import keys
from ...wire.configuration import APP_SCOPES
from ...wire.specs import JobSpec, Ticket
from ..changes.config_undo import undone
from ..changes.routes import LOCK
from ..planner import (
    Action,
    DeleteApp,
    DeleteJob,
    DeleteRelease,
    DeleteTicket,
    FinishBuild,
    SetDeployment,
    SetTicket,
    StartJob,
    StopJob,
)
from ..records import Records

MOST = 100  # writes in one transaction; etcd takes 128


@dataclass(frozen=True)
class Transaction:
    """Writes that happen if the records are still what they were when this was planned."""

    what: str
    checks: list[Check] = field(default_factory=list)
    writes: list[Put | Delete] = field(default_factory=list)


class Writer:
    """Makes transactions upon ``records``."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def transactions(self, action: Action) -> list[Transaction]:
        """The transactions of ``action``, in order; none for a FinishBuild, whose end is not known yet."""
        made = Transaction(type(action).__name__)
        match action:
            case SetTicket(after=after):
                self._ticket(made, after)
            case DeleteTicket(ticket=ticket):
                self._delete(made, keys.ticket(ticket.queue, ticket.id))
            case StartJob(spec=spec, ticket=ticket):
                self._job(made, spec)
                if ticket is not None:
                    self._ticket(made, ticket.after)
            case StopJob(spec=spec):
                self._job(made, spec)
            case DeleteJob(host=host, job=job):
                self._delete(made, keys.job_spec(host, job))
                made.writes.append(Delete(keys.job_status(host, job)))
            case SetDeployment():
                self._deployment(made, action)
            case DeleteRelease(app=app, version=version):
                self._delete(made, keys.release(app, version))
                self._undo(made, app, version)
            case DeleteApp(app=app):
                return self._app(app)
            case FinishBuild():
                return []
        return [made]

    def ticket(self, after: Ticket) -> Transaction:
        """The transaction that writes ``after`` over what the records hold now."""
        made = Transaction("SetTicket")
        self._ticket(made, after)
        return made

    def _check(self, made: Transaction, key: str) -> None:
        made.checks.append(Check(key, self._records.revision(key)))

    def _put(self, made: Transaction, key: str, record: object) -> None:
        self._check(made, key)
        made.writes.append(Put(key, encode(record)))

    def _delete(self, made: Transaction, key: str) -> None:
        self._check(made, key)
        made.writes.append(Delete(key))

    def _ticket(self, made: Transaction, after: Ticket) -> None:
        self._put(made, keys.ticket(after.queue, after.id), after)

    def _job(self, made: Transaction, spec: JobSpec) -> None:
        self._put(made, keys.job_spec(spec.host, spec.id), spec)

    def _deployment(self, made: Transaction, action: SetDeployment) -> None:
        self._ticket(made, action.after)
        key = keys.formation(action.after.app)
        if action.formation_after == action.formation_before:
            self._check(made, key)
        elif action.formation_after is None:
            self._delete(made, key)
        else:
            self._put(made, key, action.formation_after)

    def _undo(self, made: Transaction, app: str, version: int) -> None:
        """The configuration that came with a release that failed goes with it."""
        change = undone(self._records, app, version)
        if change is None:
            return
        key, former = change
        if former is None:
            self._delete(made, key)
        else:
            self._put(made, key, former)

    def _app(self, name: str) -> list[Transaction]:
        """Of an app that a user destroyed its tickets go first, piecemeal; the rest goes with the record itself."""
        records, app = self._records, self._records.apps.get(name)
        tickets = [one for one in records.tickets.values() if one.app == name and app is not None and app.destroying]
        loose = [keys.ticket(one.queue, one.id) for one in tickets]
        made = [self._loose(name, loose[start : start + MOST]) for start in range(0, len(loose), MOST)]
        last = Transaction("DeleteApp")
        self._delete(last, keys.app(name))
        self._check(last, LOCK)
        last.writes.extend(Delete(keys.route(route.id)) for route in records.routes.values() if route.app == name)
        last.writes.extend((Delete(f"{keys.RELEASES}{name}/", prefix=True), Delete(keys.formation(name))))
        last.writes.append(Delete(keys.routing_app(name)))
        if app is not None and app.destroying:  # what was set before a first deployment that failed stays for the next
            last.writes.append(Delete(f"{keys.CONFIG}{APP_SCOPES}{name}/", prefix=True))
        return [*made, last]

    def _loose(self, app: str, some: list[str]) -> Transaction:
        made = Transaction("DeleteApp")
        self._check(made, keys.app(app))
        made.writes.extend(Delete(key) for key in some)
        return made


def with_logs(ticket: Ticket, lines: list[str]) -> Ticket:
    """``ticket`` with a job's last log lines in its result."""
    return replace(ticket, result={**ticket.result, "logs": lines}) if lines else ticket


def rewritten(transaction: Transaction, after: Ticket) -> Transaction:
    """``transaction`` with ``after`` as what it writes for that ticket; its checks stay."""
    key = keys.ticket(after.queue, after.id)
    writes = [Put(key, encode(after)) if write.key == key else write for write in transaction.writes]
    return replace(transaction, writes=writes)
