"""What is seen while a race runs: console, the live page, Prometheus."""
