"""A Git review bot that runs a local vLLM model and never leaves the machine."""

__version__ = "0.1.0"
