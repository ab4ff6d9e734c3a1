"""Finds or makes the Python environment that vLLM runs in."""
