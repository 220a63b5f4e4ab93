"""One layer written in many ways, as users write it."""
