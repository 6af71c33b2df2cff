"""One race as seen from outside Locust: prechecks, preflight, process, monitor."""
