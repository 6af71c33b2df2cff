"""The dataset, and the loaders that write it to every backend."""
