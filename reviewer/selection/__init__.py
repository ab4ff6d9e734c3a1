"""Cuts a change into the units that are reviewed, and says what is left out."""
