"""exp, log, sin and the like, written once as expressions of the loop language."""
