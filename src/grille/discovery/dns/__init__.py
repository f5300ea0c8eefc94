"""DNS of the grid's services: ``<service>.grille`` and the names below it, other names by relay.

Pure: ``names`` (what a name stands for), ``records`` (records on the wire), ``answers`` (live answers), ``zone``,
``query`` (what was asked), ``responder`` (bytes in, bytes out), ``options``. ``upstreams``, ``relay`` and ``hosts`` ask
others; ``server`` (with ``udp``, ``tcp``) is the edge. Imports discovery's catalog, ``wire``, ``service``, dnspython.
"""
