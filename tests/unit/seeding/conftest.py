"""Hypothesis must not fail a test for taking its time on a busy machine."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("any pace", deadline=None)
settings.load_profile("any pace")
