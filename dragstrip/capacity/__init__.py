"""How much each target carries: the highest rate within the objective, with an interval."""
