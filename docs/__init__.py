"""The documents, and what makes them: the reference, the site."""
