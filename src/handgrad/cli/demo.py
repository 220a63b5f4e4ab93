"""The demo: the story, told in the terminal and left as a folder with a page."""

import webbrowser
from collections.abc import Sequence
from pathlib import Path

import matplotlib

from handgrad._version import __version__
from handgrad.cli.output import Output
from handgrad.runs import whole_folder
from handgrad.story import PAGE, PHRASES, check_language, tell


def run_demo(
    languages: Sequence[str], folder: Path | None, output: Output, *, open_page: bool
) -> None:
    """Tell the story in each language; the first one's page is at the top of the folder."""
    languages = list(dict.fromkeys(languages))
    for language in languages:
        check_language(language)
    matplotlib.use("agg")  # no windows
    first, console, pictures = languages[0], output.console, 0
    with whole_folder(folder, "demo") as (folder, new):
        for language in languages:
            place = Path() if language == first else Path(language)
            back = Path("..") if place.parts else Path()
            pages = {
                other: (back / (other if other != first else "") / PAGE).as_posix()
                for other in languages
                if other != language
            }
            pictures += tell(language, new / place, console, version=__version__, others=pages)
    phrases = PHRASES[first]
    page = folder / PAGE
    output.result({"folder": str(folder), "page": str(page), "pictures": pictures})
    console.print(phrases["written"].format(pictures, folder), soft_wrap=True, highlight=False)
    console.print(phrases["look"].format(page), style="bold", soft_wrap=True, highlight=False)
    if languages == [first]:
        console.print(phrases["elsewhere"], soft_wrap=True, highlight=False)
    if open_page:
        webbrowser.open(page.absolute().as_uri())
