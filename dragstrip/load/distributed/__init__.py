"""A race over several processes: master, workers, and what they tell each other."""
