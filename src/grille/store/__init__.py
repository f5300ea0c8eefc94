"""etcd v3: a sans-I/O core for its JSON gateway, an asynchronous and a blocking client, mirrors, leases, election and
locks.

Imports ``wire`` and ``codec`` only. The core (``protocol``) does no I/O, so that other transports can share it.
"""

from .blocking import BlockingStore
from .client import Store
from .election import Election
from .grace import USUAL_GRACE
from .lease import USUAL_TTL, Lease
from .lock import Lock
from .mirror import Mirror
from .protocol import Check, Delete, Entry, Event, Listing, Put

__all__ = [
    "USUAL_GRACE",
    "USUAL_TTL",
    "BlockingStore",
    "Check",
    "Delete",
    "Election",
    "Entry",
    "Event",
    "Lease",
    "Listing",
    "Lock",
    "Mirror",
    "Put",
    "Store",
]
