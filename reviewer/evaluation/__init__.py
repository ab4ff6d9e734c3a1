"""How well does a model review? Labelled changes in, figures with their uncertainty out.

The pipeline under test is ``review.review_change`` as every user has it; it does not know that it is evaluated.
``cases`` → ``run`` (reviews, kept in a log that a rerun continues) → ``scoring`` → ``report`` → ``render`` | ``page``.
"""
