"""Makes a slug from an app's source: unpack, choose a buildpack, compile, squash, upload.

Runs in the build image with the standard library and PyYAML; imports ``wire`` only.
"""
