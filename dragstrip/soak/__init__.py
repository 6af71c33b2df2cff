"""Whether targets stay as they are for hours at one rate."""
