"""Writes to a terminal, a pipe or a log."""
