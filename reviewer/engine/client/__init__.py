"""Talks to model servers over HTTP."""
