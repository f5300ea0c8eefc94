"""The router's metrics, as families for Prometheus: by variant of a service, by instance, by app. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import generate_latest
from prometheus_client.core import CollectorRegistry, CounterMetricFamily, GaugeMetricFamily, Metric

from ..stats import Row, number
from .ledger import CLASSES, Counts, Key
from .look import Look
from .names import Directory
from .window import Window

OF_SERVICE = ["service", "app", "process", "variant"]
OF_INSTANCE = [*OF_SERVICE, "instance", "host"]

# name, what it says, column of the ledger
_SERVICE_COUNTERS = (
    ("requests", "Requests sent to the service", "stot"),
    ("received_bytes", "Bytes of requests", "bin"),
    ("sent_bytes", "Bytes of answers", "bout"),
    ("connect_errors", "Requests that found no server", "econ"),
    ("response_errors", "Requests whose answer broke", "eresp"),
    ("retries", "Connections tried again", "wretr"),
    ("redispatches", "Connections tried again at another instance", "wredis"),
)
_SERVICE_GAUGES = (
    ("sessions", "Requests in flight", "scur"),
    ("queue", "Requests waiting for a free place", "qcur"),
    ("servers", "Servers that take traffic", "act"),
)
_INSTANCE_GAUGES = (
    ("instance_sessions", "Requests in flight", "scur"),
    ("instance_queue", "Requests waiting for a free place", "qcur"),
)
_INSTANCE_ERRORS = (("connect", "econ"), ("response", "eresp"), ("check", "chkfail"))


def exposition(look: Look, window: Window | None, directory: Directory, instances: bool) -> bytes:
    """All of it in Prometheus' text format 0.0.4; without ``window`` what the access log says is left out."""
    registry = CollectorRegistry(auto_describe=False)
    found = [*families(look, directory, instances), *(latencies(window) if window is not None else ())]
    registry.register(_Once(found))
    return generate_latest(registry)


class _Once:
    """Metrics that were collected already."""

    def __init__(self, found: list[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        return self._found


def families(look: Look, directory: Directory, instances: bool = True) -> Iterator[Metric]:
    """What the counters say. ``instances``: those of servers too, which are most of it."""
    services = {key: row for key, row in look.present.items() if key[0] and not key[1]}
    yield from _of_services(look, services, directory)
    if instances:
        yield from _of_instances(look, {key: row for key, row in look.present.items() if key[1] and key[0]}, directory)
    yield from _of_frontends(look, {key: row for key, row in look.present.items() if not key[0]})


def latencies(window: Window) -> Iterator[Metric]:
    """What the access log's last minute says of each app."""
    seconds = GaugeMetricFamily("grille_router_window_seconds", "How far the access log of the latencies reaches back")
    seconds.add_metric([], window.seconds)
    rate = GaugeMetricFamily("grille_router_request_rate", "Requests a second in the window", labels=["app"])
    failed = GaugeMetricFamily(
        "grille_router_failure_rate", "5xx and no answer, a second in the window", labels=["app"]
    )
    latency = GaugeMetricFamily(
        "grille_router_latency_seconds", "To the first byte of the answer, in the window", labels=["app", "quantile"]
    )
    for app, sample in sorted(window.samples.items()):
        rate.add_metric([app], sample.requests / window.seconds)
        failed.add_metric([app], sample.errors / window.seconds)
        for share, value in sample.quantiles().items():
            latency.add_metric([app, f"{share:g}"], value)
    yield from (seconds, rate, failed, latency)


def _of_services(look: Look, rows: dict[Key, Row], directory: Directory) -> Iterator[Metric]:
    subjects = {key: directory.subject(key[0]).labels for key in sorted(rows)}
    for name, text, column in _SERVICE_COUNTERS:
        family = CounterMetricFamily(f"grille_router_{name}", text, labels=OF_SERVICE)
        for key, labels in subjects.items():
            family.add_metric(labels, look.totals[key][column])
        yield family
    answers = CounterMetricFamily("grille_router_responses", "Answers by class", labels=[*OF_SERVICE, "code"])
    for key, labels in subjects.items():
        _classes(answers, labels, look.totals[key])
    yield answers
    for name, text, column in _SERVICE_GAUGES:
        gauge = GaugeMetricFamily(f"grille_router_{name}", text, labels=OF_SERVICE)
        for key, labels in subjects.items():
            gauge.add_metric(labels, number(rows[key], column))
        yield gauge


def _of_instances(look: Look, rows: dict[Key, Row], directory: Directory) -> Iterator[Metric]:
    requests = CounterMetricFamily("grille_router_instance_requests", "Requests sent to it", labels=OF_INSTANCE)
    errors = CounterMetricFamily("grille_router_instance_errors", "What went wrong", labels=[*OF_INSTANCE, "kind"])
    up = GaugeMetricFamily("grille_router_instance_up", "Whether it takes new requests", labels=OF_INSTANCE)
    check = GaugeMetricFamily("grille_router_instance_check", "Last check (L4OK…)", labels=[*OF_INSTANCE, "result"])
    gauges = [
        GaugeMetricFamily(f"grille_router_{name}", text, labels=OF_INSTANCE) for name, text, _ in _INSTANCE_GAUGES
    ]
    for key in sorted(rows):
        subject, row, total = directory.subject(key[0]), rows[key], look.totals[key]
        labels = [*subject.labels, key[1], directory.host(subject.service, key[1])]
        requests.add_metric(labels, total["stot"])
        for kind, column in _INSTANCE_ERRORS:
            errors.add_metric([*labels, kind], total[column])
        up.add_metric(labels, takes_traffic(row))
        check.add_metric([*labels, row.get("check_status", "").removeprefix("* ") or "none"], 1)
        for gauge, (_, _, column) in zip(gauges, _INSTANCE_GAUGES, strict=True):
            gauge.add_metric(labels, number(row, column))
    yield from (requests, errors, up, check, *gauges)


def _of_frontends(look: Look, rows: dict[Key, Row]) -> Iterator[Metric]:
    """All that came, also what no route took."""
    came = CounterMetricFamily("grille_router_connections", "Connections of clients", labels=["frontend"])
    answers = CounterMetricFamily("grille_router_frontend_responses", "Answers by class", labels=["frontend", "code"])
    present = GaugeMetricFamily("grille_router_client_sessions", "Connections of clients now", labels=["frontend"])
    for key in sorted(rows):
        came.add_metric([key[1]], look.totals[key]["stot"])
        _classes(answers, [key[1]], look.totals[key])
        present.add_metric([key[1]], number(rows[key], "scur"))
    yield from (came, answers, present)


def _classes(family: CounterMetricFamily, labels: list[str], total: Counts) -> None:
    for code in CLASSES:
        family.add_metric([*labels, code], total[f"hrsp_{code}"])


def takes_traffic(row: Row) -> bool:
    """Whether a server's row says that HAProxy sends it new requests (``UP 1/3`` is up, too)."""
    return row.get("status", "").split(" ")[0] in ("UP", "no")  # "no check"
