"""From a suggestion that was shown to a changed file, and back.

``last`` (what ``r1`` means) → ``plan`` (the new bytes of each file, or why not) → ``proof`` (the user's command on a
copy with the fix) → ``history`` (written as one patch that can be undone). The index is never written.
"""
