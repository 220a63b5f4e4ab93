"""Tells the story: runs its blocks, shows it in the terminal, leaves the pictures and the page."""

import ast
import io
from collections.abc import Callable, Mapping
from contextlib import ExitStack, redirect_stdout
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console

from handgrad.learn.story.chapters import PHRASES, Block, Story, read_story
from handgrad.learn.story.page import PIXELS_PER_CSS_PIXEL, Outcome, render_page
from handgrad.learn.story.terminal import print_markdown, print_output, print_picture
from handgrad.plots.labels import PLOTS, chinese_font, replace_words
from handgrad.plots.screens import STAND_IN, Recording
from handgrad.textbook.layers.defaults import defaults
from handgrad.training.progress_bar import progress_bar

PAGE = "index.html"
DPI = 96 * PIXELS_PER_CSS_PIXEL["png"]

Translate = Callable[[Figure], object]


def tell(
    language: str, folder: Path, console: Console, *, version: str, others: Mapping[str, str]
) -> int:
    """Tell the story on `console`, leave its pictures and its page in `folder`; how many pictures.

    `others` are pages in other languages, and where they are, seen from this one.
    """
    story = read_story(language)
    translate = _translation(language, console)
    folder.mkdir(parents=True, exist_ok=True)
    with defaults(language=language):
        outcomes = _told(story, folder, console, translate)
    (folder / PAGE).write_text(render_page(story, outcomes, version, others), "utf-8")
    return sum(block.picture is not None for block in story.blocks)


def _translation(language: str, console: Console) -> Translate:
    """A function that puts the words of a figure into `language`, if there is a font for it."""
    if language != "en":
        if font := chinese_font():
            return lambda figure: replace_words(figure, PLOTS.in_chinese, font)
        console.print(PHRASES[language]["no_font"], style="yellow")
    return lambda figure: None


def _told(story: Story, folder: Path, console: Console, translate: Translate) -> list[Outcome]:
    """The outcome of each block; a bar in a terminal says how far the story is."""
    phrases, namespace, outcomes = PHRASES[story.language], dict[str, object](), list[Outcome]()
    with progress_bar(len(story.blocks), "", console) as advance:
        print_markdown(console, f"# {story.title}\n\n{story.opening}")
        for number, chapter in enumerate(story.chapters, 1):
            place = phrases["chapter"].format(number, len(story.chapters))
            advance(f"{place}: {chapter.title}", 0)
            print_markdown(console, f"## {number}. {chapter.title}")
            for part in chapter.parts:
                if not isinstance(part, Block):
                    print_markdown(console, part)
                    continue
                outcomes.append(outcome := run_block(part.code, namespace, translate))
                if outcome.printed:
                    print_output(console, outcome.printed)
                if picture := part.picture:
                    (folder / picture.file).write_bytes(outcome.image)
                    print_picture(console, picture, phrases["picture"].format(picture.file))
                advance()
    return outcomes


def run_block(
    code: str,
    namespace: dict[str, object],
    translate: Translate = lambda figure: None,
    file: str = "<story>",
) -> Outcome:
    """Run `code` in `namespace`; as in a notebook, a last expression is shown.

    A figure is handed to `translate` before it becomes a picture, of a live one every frame. `file`
    is what messages say that the code stands in.

    >>> run_block("a = 2\\na + 1", {}).printed
    '3\\n'
    """
    body = ast.parse(code).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    figure = None
    printed, image, recordings = io.StringIO(), io.BytesIO(), list[Recording]()

    def record() -> Recording:
        recordings.append(Recording(translate))
        return recordings[-1]

    with redirect_stdout(printed), ExitStack() as stack:
        stack.callback(STAND_IN.reset, STAND_IN.set(record))
        exec(compile(ast.Module(body, []), file, "exec"), namespace)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), file, "eval"), namespace)
            one = value.flat[0] if isinstance(value, np.ndarray) and value.size else value
            if hasattr(getattr(one, "figure", None), "savefig"):
                figure = one.figure
            elif value is not None:
                print(repr(value))
    if recordings:
        recordings[-1].write(image)
    elif figure is not None:
        import matplotlib.pyplot as plt

        translate(figure)
        figure.savefig(image, format="png", dpi=DPI, facecolor="white")
        plt.close(figure)
    return Outcome(printed.getvalue(), image.getvalue())
