"""Discoverd: the HTTP, event-stream and DNS face of discovery, for everything that does not read the store itself.

Pure: ``records``, ``query`` (requests), ``answers``, ``catalog`` with ``members`` and ``rules`` (what is registered,
who leads), ``history``, ``frames``, ``openapi``. ``view`` orders all changes; ``watchers``, ``watch``, ``connection``
carry them to clients; ``registrations`` writes, with ``registry`` (the store) or ``pending`` (it is away) and ``held``;
``snapshot`` and ``journal`` are on disk; ``api`` and ``table`` are the HTTP edge, ``core`` wires the parts. ``dns``,
``checks``, ``configuration``: parts of their own. Imports ``wire``, ``store``, ``codec``, ``service`` and itself.
"""
