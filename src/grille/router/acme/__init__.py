"""Certificates by ACME (RFC 8555): ordered and renewed by one router at a time, for all of them.

``worker`` is the loop; ``schedule`` decides what is due; ``order`` goes through one order; ``server`` speaks to the
ACME server, in threads; ``challenges`` lets it see that a domain is ours; ``records`` is all that is in the store.
"""
