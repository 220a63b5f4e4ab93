"""Export to one query in SQL."""
