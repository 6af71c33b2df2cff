"""Compare two backends under load, on identical data, with a verdict that holds."""

__version__ = "0.1.0"
