"""The demo: the story, told in the terminal and left as a folder with a page."""

import webbrowser
from collections.abc import Sequence
from pathlib import Path

from handgrad._version import __version__
from handgrad.cli.output import Output
from handgrad.cli.places import RUN, check_folder, claimed, claimed_number, unwritable
from handgrad.cli.unfinished import Unfinished
from handgrad.plots.finishing import off_screen
from handgrad.story import PAGE, PHRASES, check_language, tell


def run_demo(
    languages: Sequence[str], folder: Path | None, output: Output, *, open_page: bool
) -> None:
    """Tell the story in each language; the first one's page is at the top of the folder."""
    languages = list(dict.fromkeys(languages))
    for language in languages:
        check_language(language)
    if folder is not None:
        check_folder(folder)
    off_screen()
    first, console = languages[0], output.console
    with claimed(folder) if folder else claimed_number(Path("runs"), "demo") as claim:
        folder, pictures = claim.folder, 0
        kept = Unfinished(folder, {})
        kept.check(resume=False)
        for language in languages:
            place = Path() if language == first else Path(language)
            back = Path("..") if place.parts else Path()
            pages = {
                other: (back / (other if other != first else "") / PAGE).as_posix()
                for other in languages
                if other != language
            }
            new = claim.place / RUN / place
            try:
                pictures += tell(language, new, console, version=__version__, others=pages)
            except BrokenPipeError:  # who reads the output has had enough
                raise
            except OSError as error:
                raise unwritable(folder, error) from error
        kept.finish()
    phrases = PHRASES[first]
    page = folder / PAGE
    output.result({"folder": str(folder), "page": str(page), "pictures": pictures})
    console.print(phrases.written.format(pictures, folder), soft_wrap=True, highlight=False)
    console.print(phrases.look.format(page), style="bold", soft_wrap=True, highlight=False)
    if languages == [first]:
        console.print(phrases.elsewhere, soft_wrap=True, highlight=False)
    if open_page:
        webbrowser.open(page.absolute().as_uri())
