"""What is seen while a race runs: console, tables of the web UI, Prometheus."""
