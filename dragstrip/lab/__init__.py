"""The embedded lab: PostgreSQL with Supabase Lite, the Convex host and the Next.js app."""

from dragstrip.lab.lifecycle import down, environment, resolve, status, up
from dragstrip.lab.state import LabState

__all__ = ["LabState", "down", "environment", "resolve", "status", "up"]
