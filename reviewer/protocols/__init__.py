"""Offers reviews and the model to other programs."""
