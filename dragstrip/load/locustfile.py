"""What Locust loads in a race, instead of locustfile.py: it goes with the package."""

from locust import events

from dragstrip.load.bind import attach, race_classes
from dragstrip.load.race_driver import RaceShape as RaceShape

attach(events)
globals().update(race_classes())
