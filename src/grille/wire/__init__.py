"""What the bricks and the Ansible modules say to one another: types, names, keys, errors, a small HTTP client.

Imports the standard library and itself only, by relative imports: Ansible ships this package to target hosts.
"""
