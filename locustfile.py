"""What `locust` loads: the scenarios of scenarios/, one user class per target.

locust                                          the web UI on http://127.0.0.1:8089
locust ConvexHttpLookup --headless -u 32 -t 1m  one of them, without it
locust --list                                   their names
"""

from locust import events

from dragstrip.load.bind import attach, user_classes

attach(events)
globals().update(user_classes())
