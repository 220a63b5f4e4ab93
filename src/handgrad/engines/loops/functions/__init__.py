"""Elementary functions as expressions of the loop IR: one definition for all engines."""
