"""Hits as lists, as tables and in notebooks."""
