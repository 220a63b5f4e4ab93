"""Installation commands of the documents, from the repository's folder or by name.

`python -m docs.installation` writes the documents as `PUBLISHED` in
`src/handgrad/textbook/install.py` says: commands, and the passages in `installation.toml`.
"""

import re
import tomllib
from pathlib import Path

from tests.docs.documents import DOCUMENTS

from handgrad.textbook.install import PUBLISHED, install_command

_STATES = {False: "unpublished", True: "published"}
_COMMAND = re.compile(
    r'python -m pip install (?:(?:\.|handgrad)(?![\w.])|"(?:\.|handgrad)\[(.+?)\]")'
)
PASSAGES = [
    {published: entry[state] for published, state in _STATES.items()}
    for entry in tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))["passage"]
]


def written(text: str, published: bool) -> str:
    """The text of a document with the commands and passages of a state."""
    for passage in PASSAGES:
        text = text.replace(passage[not published], passage[published])
    return _COMMAND.sub(lambda found: _command(found[1], published), text)


def _command(extras: str | None, published: bool) -> str:
    return install_command(*(extras.split(",") if extras else ()), published=published)


if __name__ == "__main__":
    for document in DOCUMENTS:
        text = document.read_text("utf-8")
        document.write_text(written(text, PUBLISHED), "utf-8", newline="\n")
