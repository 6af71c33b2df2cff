"""User classes and the load shape: what a person edits to test something else."""
