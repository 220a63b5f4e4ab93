"""Location of the pages' scripts and styles."""

from pathlib import Path

PACKAGE = Path(__file__).parents[1]
# In the wheel within the package, else beside src.
WEB = next(folder for folder in (PACKAGE / "web", PACKAGE.parents[1] / "web") if folder.is_dir())
