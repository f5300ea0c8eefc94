"""The frontend in which HAProxy's own exporter for Prometheus answers: on a socket, which the daemon asks."""

from __future__ import annotations

from pathlib import Path

SOCKET = "exporter.sock"
PATH = "/metrics"


def section(folder: Path, defaults: str) -> str:
    """The frontend, where HAProxy was built with the exporter. Its socket is passed on in a hand-over like any other.

    Args:
        folder: the router's. defaults: the ``defaults`` section for HTTP to build on.
    """
    return f""".if feature(PROMEX)
frontend exporter from {defaults}
    bind unix@{folder}/{SOCKET} mode 600
    http-request use-service prometheus-exporter if {{ path {PATH} }}
    http-request return status 404
.endif
"""
