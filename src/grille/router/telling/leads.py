"""What HAProxy's maps say of where addresses lead to (contracts.md, "Maps"), read back. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

Maps = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Led:
    """An entry's value: ``backends`` (the route's own first; none while no instance is there), app, options."""

    backends: tuple[str, ...]
    app: str
    options: dict[str, str] = field(default_factory=dict)


def read(value: str) -> Led:
    """The value of an entry of ``routes``, ``tcp`` or ``sni``; what cannot be read counts as not there."""
    backend, app, text = [*value.split("|", 2), "", ""][:3]
    options = dict(parse_qsl(text, keep_blank_values=True))
    split = [part.partition(":")[2] for part in options.get("split", "").split(",") if ":" in part]
    own = [backend] if backend not in ("", "-", "?") else []
    return Led(tuple(dict.fromkeys([*own, *split])), app, options)


def addresses(maps: Maps) -> dict[str, tuple[str, ...]]:
    """Each address that leads somewhere, in words (``host/path/``, ``tcp 5432``, ``sni host``), to its backends."""
    found: dict[str, tuple[str, ...]] = {}
    for name, before in (("routes", ""), ("tcp", "tcp "), ("sni", "sni ")):
        for key, value in maps.get(name, {}).items():
            found[before + key] = read(value).backends
    return found


def shown(maps: Maps, servers: Mapping[str, Mapping[str, object]]) -> list[dict[str, object]]:
    """Every entry as ``GET /routes`` tells it, with the servers of its backends.

    Args:
        servers: backend to what is to be said of each of its servers.
    """
    variants = {backend: variant for variant, backend in maps.get("services", {}).items()}
    rows: list[dict[str, object]] = []
    for kind in ("routes", "tcp", "sni"):
        for key, value in sorted(maps.get(kind, {}).items()):
            led = read(value)
            own = led.backends[0] if led.backends else ""
            rows.append(
                {
                    **_address(kind, key),
                    "app": led.app,
                    "service": variants.get(own, ""),
                    "services": [variants.get(backend, "") for backend in led.backends],
                    "backend": own,
                    "options": led.options,
                    "servers": {
                        name: one for backend in led.backends for name, one in servers.get(backend, {}).items()
                    },
                }
            )
    return rows


def _address(kind: str, key: str) -> dict[str, object]:
    if kind == "tcp":
        return {"kind": "tcp", "port": int(key) if key.isdecimal() else 0}
    if kind == "sni":
        return {"kind": "tls", "host": key}
    host, _, path = key.partition("/")
    return {"kind": "http", "host": host, "path": f"/{path.rstrip('/')}"}
