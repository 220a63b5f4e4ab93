"""Tells the story: runs its blocks, shows it in the terminal, leaves the pictures and the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from handgrad.plots.finishing import replace_words, save_picture
from handgrad.story.chapters import Block, Story, read_story
from handgrad.story.labels import chinese_font, in_chinese
from handgrad.story.page import PIXELS_PER_CSS_PIXEL, Shown, render_page
from handgrad.story.phrases import PHRASES
from handgrad.story.running import run_block
from handgrad.story.terminal import print_markdown, print_output, print_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import Console

PAGE = "index.html"
DPI = 96 * PIXELS_PER_CSS_PIXEL["png"]

Translate = Callable[["Figure"], None]


def tell(
    language: str,
    folder: Path,
    console: Console,
    *,
    version: str,
    others: Mapping[str, str] | None = None,
) -> int:
    """Tell the story on `console`, leave its pictures and its page in `folder`; how many pictures.

    `others` are pages in other languages, and where they are, seen from this one.
    """
    story = read_story(language)
    translate = _translation(language, console)
    folder.mkdir(parents=True, exist_ok=True)
    shown = _told(story, folder, console, translate)
    (folder / PAGE).write_text(render_page(story, shown, version, others), "utf-8")
    return sum(bool(each.image) for each in shown)


def _translation(language: str, console: Console) -> Translate:
    """A function that puts the words of a figure into `language`, if there is a font for it."""
    if language == "en":
        return lambda _: None
    if (font := chinese_font()) is None:
        console.print(PHRASES[language].no_font, style="yellow")
        return lambda _: None
    return lambda figure: replace_words(figure, in_chinese, font)


def _told(story: Story, folder: Path, console: Console, translate: Translate) -> list[Shown]:
    """The outcome of each block; a bar in a terminal says how far the story is."""
    from rich.progress import BarColumn, Progress, TextColumn

    phrases, namespace, shown = PHRASES[story.language], dict[str, object](), list[Shown]()
    columns = (BarColumn(), TextColumn("{task.description}"))
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("", total=len(story.blocks))
        print_markdown(console, f"# {story.title}\n\n{story.opening}")
        for number, chapter in enumerate(story.chapters, 1):
            place = phrases.chapter.format(number, len(story.chapters))
            bar.update(task, description=f"{place}: {chapter.title}")
            print_markdown(console, f"## {number}. {chapter.title}")
            for part in chapter.parts:
                if isinstance(part, Block):
                    shown.append(_run(part, namespace, folder, translate))
                    if shown[-1].printed:
                        print_output(console, shown[-1].printed)
                    if part.picture:
                        print_picture(
                            console, part.picture, phrases.picture.format(part.picture.file)
                        )
                    bar.advance(task)
                else:
                    print_markdown(console, part)
    return shown


def _run(block: Block, namespace: dict[str, object], folder: Path, translate: Translate) -> Shown:
    outcome = run_block(block.code, namespace, translate)
    if block.picture is None:
        return Shown(outcome.printed)
    path = folder / block.picture.file
    if outcome.moving:
        path.write_bytes(outcome.moving)
    elif outcome.figure:
        save_picture(outcome.figure, path, dpi=DPI)
    return Shown(outcome.printed, path.read_bytes())
