"""Finds, downloads, verifies and converts models."""
