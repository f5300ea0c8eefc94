"""The configuration file, put together from its parts. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ..model import MAPS
from ..saved import Saved
from . import backends, exporter, hold, settings, tcp, web
from .options import Options


def configuration(options: Options, saved: Saved) -> str:
    """The whole configuration file."""
    passthrough = saved.structure.passthrough and bool(options.https_port)
    parts = [settings.section(options), web.section(options, passthrough=passthrough), hold.section(options)]
    if options.tcp_ports:
        parts.append(tcp.ports(options))
    if passthrough:
        parts.append(tcp.by_name(options))
    parts += [exporter.section(options.folder, settings.BASE), _tables(options), *backends.sections(options, saved)]
    return "\n".join(parts)


def maps(options: Options, saved: Saved) -> dict[str, str]:
    """The files of the maps by name. What leads to a backend that is not in this configuration leads nowhere, until the
    daemon gives it another."""
    sizes = options.pool_sizes(saved)
    files = {}
    for name in MAPS:
        table = saved.maps.get(name, {})
        if name == "services":
            table = {key: value for key, value in table.items() if backends.exists(value, sizes)}
        elif name != "pages":
            table = {key: _placed(value, sizes) for key, value in table.items()}
        files[f"{name}.map"] = "".join(f"{key} {value}\n" for key, value in sorted(table.items()))
    return files


def _placed(value: str, sizes: Mapping[str, int]) -> str:
    if backends.exists(value, sizes):
        return value
    _, app, *options = value.split("|", 2)
    return "|".join(["?" if options else "-", app, *options])


def _tables(options: Options) -> str:
    """Backends for what is in none else: requests counted by client, and maps, so that all of them are loaded."""
    used = "\n".join(f"    http-request set-var(txn.none) path,map_str({options.map(name)})" for name in MAPS)
    return f"""backend rates from {settings.TCP}
    stick-table type string len 120 size 100k expire 20s store http_req_rate(10s)

backend maps from {settings.BASE}
{used}
"""
