"""Errors in documents."""


class SiteError(Exception):
    """An error in a document, with its path and line."""

    def __init__(self, document: str, line: int, wrong: str) -> None:
        super().__init__(document, line, wrong)

    def __str__(self) -> str:
        document, line, wrong = self.args
        return f"{document}:{line}: {wrong}"
