"""Shelf: objects by path (slugs, sources, caches) over HTTP, kept by a backend behind one small interface.

``api`` is the HTTP edge, ``backend`` the interface, ``local`` and ``folder`` keep objects as files. Pure: ``paths``,
``ranges``. Imports ``wire``, ``codec``, ``service`` and itself.
"""
