"""Sends requests to the model and caches the answers."""
