"""A pure function from (seed, index) to a contact and its context."""
