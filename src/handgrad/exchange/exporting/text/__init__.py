"""Export of language models to files that generate text."""
