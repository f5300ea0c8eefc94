"""Checks of things outside the grid: who checks what, how, and what follows from it.

Pure: ``records`` (requests), ``ownership``, ``health``, ``standing``. ``probe`` asks the thing, ``checker`` runs the
checks of this discoverd, ``writer`` puts instances in and takes them out, ``api`` is the HTTP edge. Imports what
``discovery`` may import.
"""
