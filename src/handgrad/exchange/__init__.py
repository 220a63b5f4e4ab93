"""Exchange with other libraries and languages: models as their files, and nets of theirs."""
