"""How far this machine can be trusted: the rate it can send, and what an A/A test shows."""
