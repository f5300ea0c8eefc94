"""What a router tells: metrics, the access log, who is busy. All of it is worked out when somebody asks.

Pure: ``names``, ``leads``, ``ledger``, ``metrics``, ``window``, ``line``, ``top``, ``state``. ``look``, ``ring``,
``follow`` and ``exporter`` ask HAProxy; ``pages`` answers over HTTP.
"""
