from tests.unit.trust.calls import call

__all__ = ["call"]
