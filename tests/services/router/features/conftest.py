"""One router for all tests of a file."""

from __future__ import annotations

from tests.services.router.shared import authority, etcd, router, start, store

__all__ = ["authority", "etcd", "router", "start", "store"]
