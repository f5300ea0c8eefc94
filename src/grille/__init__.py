"""Grille: a self-healing grid of independent bricks that Ansible drives.

One package per brick (discovery, host, controller, router, builder, shelf), and what they share:
``wire`` (types, names, errors, stdlib only), ``store`` (etcd v3), ``service`` (how a daemon serves HTTP).
"""

__version__ = "0.1.0"
