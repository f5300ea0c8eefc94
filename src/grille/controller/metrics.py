"""The controller's own figures, in Prometheus' text format."""

from __future__ import annotations

from collections import Counter

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client import Counter as Total

from .records import Records


class Metrics:
    """Figures of one controller; the gauges are set when they are asked for."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._leader = Gauge("grille_controller_leader", "1 on the controller that plans", registry=self.registry)
        self._tickets = Gauge("grille_tickets", "Tickets", ["queue", "state"], registry=self.registry)
        self._jobs = Gauge("grille_jobs", "Jobs", ["kind", "state"], registry=self.registry)
        self._hosts = Gauge("grille_hosts", "Hosts that are up", registry=self.registry)
        self.plan = Histogram("grille_plan_seconds", "Time that one plan took", registry=self.registry)
        self.actions = Total("grille_actions_total", "Actions", ["action", "outcome"], registry=self.registry)

    def render(self, records: Records, leader: bool) -> bytes:
        """The page."""
        self._leader.set(leader)
        self._hosts.set(len(records.hosts))
        self._fill(self._tickets, Counter((one.queue, one.state) for one in records.tickets.values()))
        states = ((job.spec.kind, job.status.state if job.status else "pending") for job in records.jobs.values())
        self._fill(self._jobs, Counter(states))
        return generate_latest(self.registry)

    @staticmethod
    def _fill(gauge: Gauge, counts: Counter[tuple[str, str]]) -> None:
        gauge.clear()
        for labels, count in counts.items():
            gauge.labels(*labels).set(count)
