"""Pure functions on a stored run: quantiles, pairs, gates, verdict. Nothing here sends or reads."""
