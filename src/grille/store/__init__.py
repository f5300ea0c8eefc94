"""etcd v3: a sans-I/O core for its JSON gateway, an asynchronous and a blocking client, mirrors, leases and election.

Imports ``wire`` only. The core (``protocol``) does no I/O, so that other transports can share it.
"""

from .blocking import BlockingStore
from .client import Store
from .election import Election
from .lease import Lease
from .mirror import Mirror
from .protocol import Check, Delete, Entry, Event, Listing, Put

__all__ = [
    "BlockingStore",
    "Check",
    "Delete",
    "Election",
    "Entry",
    "Event",
    "Lease",
    "Listing",
    "Mirror",
    "Put",
    "Store",
]
