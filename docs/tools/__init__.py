"""What is generated for the documents: the site, its reference pages, the man page and the picture in the README."""
