"""A language server: reviews of open files as diagnostics, hovers and code actions."""
