"""Posts a review to a pull request on GitHub, GitLab, Gitea or Forgejo.

``destination`` says where, ``plan`` what, ``poster`` in which order; one module per forge speaks its API. httpx is
imported when something is sent.
"""
