"""Starts a model server, waits for it, and finds it again."""
