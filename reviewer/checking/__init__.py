"""Checks replies against the change and marks what does not hold. Nothing is dropped."""

from reviewer.checking.check import check

__all__ = ["check"]
