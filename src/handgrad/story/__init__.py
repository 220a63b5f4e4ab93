"""The story handgrad grew from: told in the terminal, on a page, in a notebook."""
