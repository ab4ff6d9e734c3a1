"""Applies suggestions of a review to files, and undoes that.

``last`` (its findings by their ids) → ``plan`` (the new bytes of each file, or why not) → ``proof`` (the user's command
on a copy with the fix) → ``history`` (one patch that can be undone). The index is never written.
"""
