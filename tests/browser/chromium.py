"""What the tests in a browser need of the system: a Chromium, and a font with Chinese."""

import shutil

from handgrad.base.errors import HandgradError
from handgrad.story.labels import chinese_font

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str:
    """Where the Chromium or Chrome of this system is."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    raise HandgradError(
        "no Chromium",
        f"one of these commands: {', '.join(NAMES)}",
        "apt-get install chromium, on Debian; `make browser` needs it",
    )


def check_fonts() -> None:
    """Refuse a system that cannot write the Chinese page and its pictures."""
    if chinese_font() is None:
        raise HandgradError(
            "no font with Chinese",
            "one that can write all words in the story's pictures",
            "apt-get install fonts-noto-cjk, on Debian; `make browser` needs it",
        )
