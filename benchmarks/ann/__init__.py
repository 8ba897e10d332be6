"""Vector search alone: how many of the nearest are found, at which cost, beside other libraries."""
