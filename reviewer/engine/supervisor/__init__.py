"""Watches one engine from start to end in a small process of its own."""
