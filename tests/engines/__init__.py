"""Tests of indexes in an engine."""
