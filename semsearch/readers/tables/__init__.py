"""Records to articles: JSON, tables, and what a program has in hand."""
