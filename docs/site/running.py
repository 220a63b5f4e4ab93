"""Runs the blocks of a document in order, in one namespace and a separate process."""

import ast
import os
import tempfile
import tomllib
import traceback
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import chdir
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from docs.site.errors import SiteError
from handgrad.learn.story.page import Outcome
from handgrad.learn.story.runner import Translate, run_block
from handgrad.plots.labels import PLOTS, chinese_font, replace_words
from handgrad.textbook.language import translation
from handgrad.textbook.layers.defaults import defaults

LESSONS = Path(__file__).parent.parent / "lessons"


@dataclass(frozen=True)
class Step:
    """A block to run: its code, its first line, and a flag for a final explanation."""

    code: str
    line: int
    explains: bool = False


@dataclass(frozen=True)
class Script:
    """The blocks to run of a document in a language."""

    document: str
    language: str
    steps: Sequence[Step]


def run_all(scripts: Sequence[Script]) -> Mapping[str, list[Outcome]]:
    """Return the outcomes of each document's steps; prints each document when it is done."""
    outcomes: dict[str, list[Outcome]] = {}
    if not scripts:
        return outcomes
    with ProcessPoolExecutor(
        max_workers=min(len(scripts), os.cpu_count() or 1),
        mp_context=get_context("spawn"),
        max_tasks_per_child=1,
    ) as pool:
        running: dict[Future[list[Outcome]], str] = {
            pool.submit(run, script): script.document for script in scripts
        }
        for done in as_completed(running):
            outcomes[running[done]] = done.result()
            print(f"ran {running[done]} ({len(outcomes)} of {len(scripts)})", flush=True)
    return outcomes


def run(script: Script) -> list[Outcome]:
    """Return the outcomes of the steps; an error names the document's line."""
    import matplotlib as mpl

    mpl.use("agg")
    translate = _translation(script.language)
    namespace: dict[str, object] = {"__name__": "lesson"}
    with (
        tempfile.TemporaryDirectory() as folder,
        chdir(folder),
        warnings.catch_warnings(),
        defaults(),  # settings of a document end with it
        mpl.rc_context(),
    ):
        warnings.simplefilter("error")
        # without such a font labels stay English
        warnings.filterwarnings("ignore", "no font with Chinese characters")
        file = Path(folder) / f"{Path(script.document).stem}.py"
        file.write_text(_as_one_file(script.steps), "utf-8")
        try:
            return [_outcome(step, namespace, translate, str(file)) for step in script.steps]
        except Exception as error:
            raise SiteError(script.document, _line(error, str(file)), _last(error)) from None


def _outcome(step: Step, namespace: dict[str, object], translate: Translate, file: str) -> Outcome:
    code = "\n" * (step.line - 1) + step.code
    if not step.explains:
        return run_block(code, namespace, translate, file=file)
    body = ast.parse(code)
    last = body.body.pop()
    if not isinstance(last, ast.Expr):
        raise TypeError("an explain block must end with an explanation")
    exec(compile(body, file, "exec"), namespace)
    explanation = eval(compile(ast.Expression(last.value), file, "eval"), namespace)
    return Outcome(explanation.html())


def _translation(language: str) -> Translate:
    font = chinese_font() if language == "zh" else None
    own = tomllib.loads((LESSONS / "labels.zh.toml").read_text("utf-8"))
    in_chinese = translation(PLOTS.words | own)
    return lambda figure: replace_words(figure, in_chinese, font) if font else None


def _as_one_file(steps: Sequence[Step]) -> str:
    """Return the steps at their lines in the document, so that traces name these lines."""
    lines: list[str] = []
    for step in steps:
        lines += [""] * (step.line - 1 - len(lines)) + step.code.splitlines()
    return "\n".join(lines) + "\n"


def _line(error: Exception, file: str) -> int:
    if isinstance(error, SyntaxError) and error.filename in (file, "<unknown>"):
        return error.lineno or 1
    frames = traceback.extract_tb(error.__traceback__)
    return next((f.lineno or 1 for f in reversed(frames) if f.filename == file), 1)


def _last(error: Exception) -> str:
    return traceback.format_exception_only(error)[-1].strip()
