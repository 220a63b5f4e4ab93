"""Texts of the doctor and of gradient checks in the language of texts."""

from handgrad.textbook.language import ERRORS, Catalogue

DOCTOR = Catalogue("handgrad.check", "texts.zh.toml", ERRORS)
