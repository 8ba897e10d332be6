"""The index in other frameworks: each is the real package."""
