"""What is wrong with a document, and where."""


class SiteError(Exception):
    """A fault of a document: which one, its line, what is wrong."""

    def __init__(self, document: str, line: int, wrong: str) -> None:
        super().__init__(document, line, wrong)

    def __str__(self) -> str:
        document, line, wrong = self.args
        return f"{document}:{line}: {wrong}"
