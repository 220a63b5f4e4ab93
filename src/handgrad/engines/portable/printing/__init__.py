"""Portable programs as text: JavaScript and C."""
