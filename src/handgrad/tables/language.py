"""Texts of tables, reports and comparisons in the language of texts."""

from handgrad.check.language import DOCTOR
from handgrad.textbook.language import Catalogue

REPORT = Catalogue("handgrad.tables", "texts.zh.toml", DOCTOR)
