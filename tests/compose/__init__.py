"""The harness in containers, really brought up where a Docker engine answers."""
