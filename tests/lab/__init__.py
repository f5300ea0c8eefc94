"""Real hosts on one machine for tests: namespaces, a disk, sshd and dockerd each. See README.md beside this file.

Imports nothing of Grille.
"""

from .lab import Lab

__all__ = ["Lab"]
