"""The agent's metrics for Prometheus, measured when asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .agent import Agent
from .machine import Cgroups

LABELS = ["app", "process", "job"]


class JobCollector(Collector):
    """Per-job processor time, memory and restarts; jobs by state."""

    def __init__(self, agent: Agent, cgroups: Cgroups) -> None:
        self._agent, self._cgroups = agent, cgroups

    def collect(self) -> Iterator[Metric]:
        """The metric families, as prometheus-client asks for them."""
        cpu = CounterMetricFamily("grille_job_cpu_seconds", "Processor time used by a job", labels=LABELS)
        memory = GaugeMetricFamily("grille_job_memory_bytes", "Memory used by a job", labels=LABELS)
        restarts = CounterMetricFamily("grille_job_restarts", "Restarts of a job after crashes", labels=LABELS)
        states = GaugeMetricFamily("grille_jobs", "Jobs on this host by state", labels=["state"])
        count: Counter[str] = Counter()
        for job, worker in list(self._agent.workers.items()):
            labels = [worker.spec.app, worker.spec.process, job]
            count[worker.memory.state] += 1
            restarts.add_metric(labels, worker.memory.restarts)
            usage = self._cgroups.usage(worker.container.id if worker.container else "")
            if usage is not None:
                cpu.add_metric(labels, usage.cpu_seconds)
                memory.add_metric(labels, usage.memory_bytes)
        for state, number in sorted(count.items()):
            states.add_metric([state], number)
        yield from (cpu, memory, restarts, states)


def exposition(agent: Agent, cgroups: Cgroups) -> bytes:
    """All metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(JobCollector(agent, cgroups))
    return bytes(generate_latest(registry))
