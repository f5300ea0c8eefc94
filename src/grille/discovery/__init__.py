"""Discoverd: the HTTP and event-stream face of discovery, for everything that does not read the store itself.

Pure: ``records`` (requests), ``catalog`` (what is registered, who leads). ``watchers`` fans changes out, ``registry``
writes registrations, ``api`` is the HTTP edge. Imports ``wire``, ``store``, ``codec``, ``service`` and itself.
"""
