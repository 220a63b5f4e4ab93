"""Tests of the server of a class."""
