"""Reporters: one file per format, in an explicit table."""
