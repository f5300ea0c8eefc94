"""The router: keeps HAProxy in step with routes, services and certificates through its runtime socket, never reloaded.

What should be (``desired``, from the store) and what is (``actual``, from HAProxy) go into ``plan``, which is pure;
``reconcile`` carries it out over one connection (``cli``, ``edge``). ``tls`` and ``acme``: certificates. ``telling``:
metrics and the access log. ``render`` and ``lua``: what HAProxy starts with. ``supervisor``: HAProxy's parent, a
process of its own (``haproxy``). Imports ``wire``, ``store``, ``codec``, ``service``.
"""
