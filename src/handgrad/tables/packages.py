"""Packages of the extra [tables], looked for before what needs them is imported."""

from collections.abc import Sequence

from handgrad.textbook.install import require

PACKAGES = ("sklearn", "scipy", "pyarrow", "narwhals", "jinja2", "markupsafe")


def require_packages(what: str, **extras: Sequence[str]) -> None:
    """Refuse `what` where the packages of the extra [tables], or of others, are not installed."""
    require(what, "", tables=PACKAGES, **extras)
