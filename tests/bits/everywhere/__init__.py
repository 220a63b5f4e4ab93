"""Whole trainings by every way a portable program can be run: all numbers are the same."""
