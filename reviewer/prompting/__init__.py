"""Writes the requests of a review and the format of the replies."""
