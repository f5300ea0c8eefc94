"""The host agent: keeps its host's jobs in Docker as the store desires them; and the guard of layer 0.

``decide`` is pure; ``worker`` carries out; the other modules are its edges (Docker, slugs, probes, store, HTTP).
Imports ``wire``, ``codec``, ``service``, ``store`` and the Docker SDK; no other brick.
"""
