"""The page and the API, asked over real connections."""
