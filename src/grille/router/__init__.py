"""The router: keeps HAProxy in step with routes and services, through its runtime socket, without a reload.

``desired`` (store) and ``actual`` (HAProxy) go into ``plan``, which is pure; ``cli`` and ``reconcile`` carry it out.
``haproxy`` is the launcher that HAProxy's own container runs. Imports ``wire``, ``store``, ``codec``, ``service``.
"""
