"""Checks replies against the change and marks what does not hold."""
