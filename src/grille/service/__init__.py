"""What every daemon shares at its edges: settings, tokens, logs, the HTTP server and its life cycle.

Imports ``wire`` and ``codec`` only.
"""
