"""The controller: the API that changes desired state in the store, and the leader that plans and carries out.

``records`` mirrors the store, ``changes`` (pure) turns requests into guarded writes, ``views`` is HTTP, ``planner``
(pure) decides, ``carry`` does. Imports ``wire``, ``store``, ``codec`` and ``service``, never another brick.
"""
