"""``reviewer serve``: the past reviews of a repository as pages, on loopback."""
