"""Hits as a list that shows itself as a table, and becomes one of pandas, Polars or Arrow."""
