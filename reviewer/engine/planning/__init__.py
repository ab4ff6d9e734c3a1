"""Plans what fits into the memory of a machine."""
