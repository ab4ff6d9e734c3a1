"""Measures how well a model reviews: labelled changes in, figures with their uncertainty out.

The pipeline under test is ``review.review_change``, unchanged.
``cases`` → ``run`` (reviews, kept in a log that a rerun continues) → ``scoring`` → ``report`` → ``render`` | ``page``.
"""
