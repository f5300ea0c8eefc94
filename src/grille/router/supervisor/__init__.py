"""The parent of HAProxy: starts it, starts it again when it dies, and hands over from one to the next.

It lives as long as its container and is kept light: standard library, ``wire.errors`` and ``service.settings``. What
needs more (rendering the configuration) is done by a child that ends, in ``forked``.
"""
