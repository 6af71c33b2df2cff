from tests.support.calls import call

__all__ = ["call"]
