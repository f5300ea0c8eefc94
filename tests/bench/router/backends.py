"""Instances that cost little: one HAProxy that listens on a port for each and answers with the number of the port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.router import processes

MOST = 15000  # connections, one file descriptor each: HAProxy by itself counts two, and listening ports come to it
IDLE = 4  # seconds: several routers keep connections to thousands of ports, those at rest must not use all up


@contextmanager
def backends(folder: Path, address: str, ports: range, *, cores: str = "") -> Iterator[None]:
    """Listen at ``address`` on all of ``ports`` for as long as the block lasts."""
    path = folder / "backends.cfg"
    path.write_text(f"""global
    no strict-limits
    maxconn {MOST}
    noreuseport
defaults
    mode http
    timeout client 60s
    timeout http-keep-alive {IDLE}s
frontend instances
    bind {address}:{ports[0]}-{ports[-1]}
    http-request return status 200 content-type text/plain lf-string "%[dst_port]"
""")
    log = folder / "backends.log"
    process = processes.start(["haproxy", "-db", "-f", str(path)], log, cores=cores, apart=True)
    try:
        try:
            processes.wait_port(ports[-1], address)
        except RuntimeError as error:
            raise RuntimeError(f"{error}: {log.read_text()[-1000:]}") from None
        yield
    finally:
        processes.end(process)
