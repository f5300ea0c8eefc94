"""What a request makes of the records: pure functions from (records, body, now) to a Draft of guarded writes.

Imports ``wire``, ``codec``, the store's record types, ``records`` and the planner's own ``changes``; does no I/O.
"""
