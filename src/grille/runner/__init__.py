"""What runs below tini in an app's container: ``runner.sh``, installed as /opt/grille/runner in the run image.

Holds no Python of its own; imports nothing.
"""
