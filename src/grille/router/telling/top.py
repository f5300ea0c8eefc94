"""Who is busy, by two looks at the counters and the access log's last minute. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...wire.busy import MOST_ROUTES, Busy
from ..stats import Row, number
from .ledger import Counts
from .look import Look
from .names import Directory, Subject
from .window import Sample, Window

NOTHING = Sample()


def busy(
    before: Look,
    now: Look,
    services: Mapping[str, str],
    routes: Mapping[str, Sequence[str]],
    window: Window,
    names: Directory,
) -> list[Busy]:
    """All variants in use.

    Args:
        services: variant to backend. routes: each address to its backends. window: samples by backend.
    """
    leading: dict[str, list[str]] = {}
    for address, backends in sorted(routes.items()):
        for backend in backends:
            leading.setdefault(backend, []).append(address)
    seconds = max(0.1, now.time - before.time)
    found = []
    for variant, backend in services.items():
        row, total = now.present.get((variant, "")), now.totals.get((variant, ""))
        if row is not None and total is not None:
            since = _since(before.totals.get((variant, ""), {}), total, seconds)
            sample = window.samples.get(backend, NOTHING)
            found.append(_row(names.subject(variant), row, since, sample, leading.get(backend, [])))
    return found


def _row(subject: Subject, row: Row, rates: dict[str, float], sample: Sample, routes: list[str]) -> Busy:
    return Busy(
        service=subject.service,
        variant=subject.variant,
        app=subject.app,
        process=subject.process,
        requests=rates["stot"],
        errors=round(rates["hrsp_5xx"] + rates["econ"], 2),
        bytes=round(rates["bin"] + rates["bout"], 2),
        sessions=number(row, "scur"),
        queue=number(row, "qcur"),
        servers=number(row, "act"),
        latency={f"{share:g}": value for share, value in sample.quantiles().items()},
        routes=routes[:MOST_ROUTES],
        more=max(0, len(routes) - MOST_ROUTES),
    )


def _since(past: Counts, total: Counts, seconds: float) -> dict[str, float]:
    return {name: round((count - past.get(name, 0)) / seconds, 2) for name, count in total.items()}
