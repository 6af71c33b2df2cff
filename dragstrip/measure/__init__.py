"""The instrument: arrivals, client, verification, recording, slices. plugin.py knows Locust."""
