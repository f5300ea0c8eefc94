"""What a router tells: metrics, the access log, who is busy. All of it is worked out when somebody asks.

``stats`` rows and the access ring of HAProxy go in; ``names``, ``ledger``, ``metrics``, ``window``, ``line`` and
``top`` are pure, ``look``, ``ring``, ``follow`` and ``exporter`` ask HAProxy, ``pages`` answers over HTTP.
"""
