"""Marks findings that ignore comments, the baseline or dismissals silence."""
