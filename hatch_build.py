"""Build hook: README with absolute links, and project URLs, for the package index.

An index has no files beside the README. The repository's address is a setting of this hook in
`pyproject.toml`; without one the README stays as it is.
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

# code, where brackets are no link; or a link to a file, or a picture
LINK = re.compile(r"```.*?```|`[^`\n]*`|(!?)(\[[^\]]*\])\((?![a-z]+:|#)([^)\s]+)\)", re.DOTALL)


def with_absolute_links(text: str, repository: str, version: str) -> str:
    """Markdown whose links to files of the repository lead to those of a version's tag."""

    def absolute(found: re.Match[str]) -> str:
        if not found[2]:
            return found[0]
        kind = "raw" if found[1] else "blob"
        return f"{found[1]}{found[2]}({repository}/{kind}/v{version}/{found[3]})"

    return LINK.sub(absolute, text)


def project_links(repository: str) -> dict[str, str]:
    """Links that the index shows beside the README."""
    return {
        "Homepage": repository,
        "Documentation": f"{repository}/blob/main/docs/start.md",
        "Source": repository,
        "Issues": f"{repository}/issues",
        "Changelog": f"{repository}/blob/main/CHANGELOG.md",
    }


class IndexPage(MetadataHookInterface):  # type: ignore[misc]
    """Hook of hatchling that fills in the README and the links."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill in what `dynamic` in `pyproject.toml` names."""
        text = (Path(self.root) / "README.md").read_text("utf-8")
        repository = self.config["repository"].rstrip("/")
        metadata["urls"] = project_links(repository) if repository else {}
        if repository:
            text = with_absolute_links(text, repository, metadata["version"])
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
