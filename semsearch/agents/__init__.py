"""A Model Context Protocol server: the index as tools of a language model."""
