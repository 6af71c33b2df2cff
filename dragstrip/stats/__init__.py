"""Textbook statistics: intervals, bootstrap, corrections. Nothing here knows a race."""
