"""Kinds of targets, a file each. A new file here with a `KIND` is a new kind."""
