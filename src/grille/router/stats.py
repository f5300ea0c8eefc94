"""HAProxy's counters: ``show stat`` as rows, and the metrics made of them. Pure.

The columns are those of the management guide of 2.6, section 9.1. Fields may be quoted and hold commas, so a csv
reader splits them, and a line whose number of fields is not the header's is left out, never shifted.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

Row = dict[str, str]
CODES = ("1xx", "2xx", "3xx", "4xx", "5xx")
COUNTERS = ("stot", *(f"hrsp_{code}" for code in CODES), "econ", "wretr", "wredis")


def rows(text: str) -> list[Row]:
    """The lines of an answer to ``show stat``, by the header's names."""
    lines = csv.reader(text.lstrip("# ").splitlines())
    header = next(lines, [])
    return [dict(zip(header, line, strict=True)) for line in lines if line and len(line) == len(header)]


def number(row: Row, column: str) -> int:
    """The whole number in ``column``, 0 when there is none."""
    value = row.get(column, "")
    return int(value) if value.isdigit() else 0


class Baselines:
    """Where the counters of a backend stood when a service got it: pools are used again, counters go on."""

    def __init__(self) -> None:
        self._at: dict[str, tuple[str, dict[str, int]]] = {}

    def counters(self, service: str, row: Row) -> dict[str, int]:
        """The counters in ``row`` (a backend's) that belong to ``service``."""
        now = {column: number(row, column) for column in COUNTERS}
        known = self._at.get(row["pxname"])
        if known is None or known[1]["stot"] > now["stot"]:  # this process is new, or HAProxy is
            known = (service, dict.fromkeys(COUNTERS, 0))
        elif known[0] != service:
            known = (service, now)
        self._at[row["pxname"]] = known
        return {column: now[column] - known[1][column] for column in COUNTERS}


def metrics(table: list[Row], services: Mapping[str, str], baselines: Baselines) -> Iterator[Metric]:
    """Per service: requests, answers by class, present sessions, servers up, failed connections, retries.

    Args:
        table: rows of the backends (type 1). services: service to backend.
    """
    by_backend = {row["pxname"]: row for row in table}
    requests = CounterMetricFamily("grille_router_requests", "Requests sent to the service", labels=["service"])
    answers = CounterMetricFamily("grille_router_responses", "Answers by class", labels=["service", "code"])
    failed = CounterMetricFamily("grille_router_connect_errors", "Requests that found no server", labels=["service"])
    retries = CounterMetricFamily("grille_router_retries", "Connections tried again", labels=["service"])
    present = GaugeMetricFamily("grille_router_sessions", "Requests in flight", labels=["service"])
    servers = GaugeMetricFamily("grille_router_servers", "Servers that take traffic", labels=["service"])
    for service, backend in sorted(services.items()):
        row = by_backend.get(backend)
        if row is None:
            continue
        counted = baselines.counters(service, row)
        requests.add_metric([service], counted["stot"])
        for code in CODES:
            answers.add_metric([service, code], counted[f"hrsp_{code}"])
        failed.add_metric([service], counted["econ"])
        retries.add_metric([service], counted["wretr"] + counted["wredis"])
        present.add_metric([service], number(row, "scur"))
        servers.add_metric([service], number(row, "act"))
    yield from (requests, answers, failed, retries, present, servers)
