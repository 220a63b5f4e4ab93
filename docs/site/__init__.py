"""Builds the site of the documents: `python -m docs.site build/site`."""
