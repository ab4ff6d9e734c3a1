"""Reviews that run outside the commit: queue, notes, watcher and background worker."""
