"""What Locust loads in a race, instead of locustfile.py: it goes with the package."""

from locust import events

from scenarios.course import RaceShape as RaceShape
from scenarios.setup import attach, race_classes

attach(events)
globals().update(race_classes())
