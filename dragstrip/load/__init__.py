"""What runs inside Locust's processes: arrivals, sending, checking, recording, slices."""

from dragstrip import bundled

bundled.load()
