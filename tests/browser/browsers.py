"""What the tests in a browser need of the system: Chromium, Firefox, and a font with Chinese."""

import shutil

from handgrad.plots.labels import chinese_font
from handgrad.textbook.errors import HandgradError


def chromium() -> str:
    """Where the Chromium or Chrome of this system is."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return _installed("Chromium", names, "chromium")


def firefox() -> str:
    """Where the Firefox of this system is."""
    return _installed("Firefox", ("firefox", "firefox-esr"), "firefox-esr")


def _installed(browser: str, names: tuple[str, ...], package: str) -> str:
    """Where the first of these commands is that this system has."""
    for name in names:
        if path := shutil.which(name):
            return path
    raise HandgradError(
        f"no {browser}",
        f"one of these commands: {', '.join(names)}",
        f"apt-get install {package}, on Debian; `make browser` needs it",
    )


def check_fonts() -> None:
    """Refuse a system that cannot write the Chinese page and its pictures."""
    if chinese_font() is None:
        raise HandgradError(
            "no font with Chinese",
            "one that can write all words in the story's pictures",
            "apt-get install fonts-noto-cjk, on Debian; `make browser` needs it",
        )
