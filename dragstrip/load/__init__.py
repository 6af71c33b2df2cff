"""What runs inside Locust's processes: arrivals, sending, checking, recording, slices."""
