"""TLS certificates of the router: from records to what HAProxy serves by SNI, changed through its socket, no reload.

``keeper`` is what the daemon uses. ``material`` and ``claims`` decide what is wanted, ``held`` reads what HAProxy has,
``plan`` makes commands of the difference, ``disk`` keeps the files that HAProxy comes back with.
"""
