"""A look into the store when nothing else answers: ``python -m grille.store list [PREFIX]`` or ``get KEY``.

It needs etcd only. Endpoints come from GRILLE_ETCD (default http://127.0.0.1:2379), paths for TLS from
GRILLE_ETCD_CA, GRILLE_ETCD_CERT and GRILLE_ETCD_KEY. Run it in the agent's
container: ``docker exec grille-agent python3 -m grille.store list jobs/``.
"""

from __future__ import annotations

import os
import sys

from ..wire.errors import GrilleError, InvalidValue, NotFound
from .blocking import BlockingStore


def _tls() -> tuple[str, str, str] | None:
    ca, cert, key = (os.environ.get(f"GRILLE_ETCD_{name}", "") for name in ("CA", "CERT", "KEY"))
    return (ca, cert, key) if ca and cert and key else None


def _run(words: list[str]) -> None:
    store = BlockingStore(os.environ.get("GRILLE_ETCD", "http://127.0.0.1:2379").split(","), tls=_tls())
    match words:
        case ["list", *prefix]:
            for key, entry in sorted(store.list("".join(prefix)).entries.items()):
                print(f"{entry.mod_revision}\t{key}\t{len(entry.value)} bytes")
        case ["get", key]:
            found = store.get(key)
            if found is None:
                raise NotFound(f"there is no key {key!r}", remedy="see the keys with: list")
            print(found.value.decode("utf-8", "replace"))
        case _:
            raise InvalidValue(f"unknown words {' '.join(words)!r}", remedy="use: list [PREFIX], or get KEY")


try:
    _run(sys.argv[1:])
except GrilleError as error:
    print(f"grille store: {error}", file=sys.stderr)
    sys.exit(1)
