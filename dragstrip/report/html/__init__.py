"""A stored run as one HTML file."""
