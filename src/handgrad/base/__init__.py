"""The ground that all stands on: errors, other libraries' names, pages, kinds of targets, erf."""
