"""A page to search on, and an HTTP API behind it."""
