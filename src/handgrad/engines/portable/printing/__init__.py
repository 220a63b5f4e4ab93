"""Printers of portable programs: JavaScript and C."""
