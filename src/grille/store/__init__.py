"""etcd v3: a sans-I/O core for its JSON gateway, an asynchronous client, mirrors, leases and election.

Imports ``wire`` only. The core (``protocol``) does no I/O, so that other transports can share it.
"""

from .client import Store
from .election import Election
from .lease import Lease
from .mirror import Mirror
from .protocol import Check, Delete, Entry, Event, Listing, Put

__all__ = ["Check", "Delete", "Election", "Entry", "Event", "Lease", "Listing", "Mirror", "Put", "Store"]
