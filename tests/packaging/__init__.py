"""What users install, as they install it."""
