"""The lessons run, block by block, and say the same in both languages."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
from docs.site.documents import Document, read_document
from docs.site.running import LESSONS, run

from handgrad.learn.exercises import NAMES

ROOT = LESSONS.parents[1]
ENGLISH, IN_CHINESE = (
    {p.stem: p for p in sorted((LESSONS / n).glob("*.md"))} for n in ("en", "zh")
)
ALL = [pytest.param(path, id=f"{path.parent.name}/{path.stem}") for path in ENGLISH.values()]
ALL += [pytest.param(path, id=f"{path.parent.name}/{path.stem}") for path in IN_CHINESE.values()]
IN_ITS_LANGUAGE = "hg.defaults(language='zh')"
DIRECTIVE = re.compile(r"^```(exercise|playground|explain|answer)\b ?(.*)$", re.M)


def read(path: Path) -> Document:
    return read_document(path, ROOT, path.parent.name, runs=True)


def blocks(path: Path, kind: str) -> list[tuple[str, str]]:
    """What stands behind the word of each block of a kind, and what stands in it."""
    return [
        (token.info.partition(" ")[2].strip(), token.content)
        for token in read(path).tokens
        if token.type == "fence" and token.info.partition(" ")[0] == kind
    ]


@pytest.mark.slow
@pytest.mark.parametrize("path", ALL)
def test_every_block_runs_without_a_warning(path: Path) -> None:
    document, folder = read(path), Path.cwd()
    outcomes = run(document.script)
    assert Path.cwd() == folder
    assert len(outcomes) == len(document.script.steps) > 0
    for step, outcome in zip(document.script.steps, outcomes, strict=True):
        if step.explains:
            assert f'<html lang="{document.language}"' in outcome.printed


class Nameless(ast.NodeTransformer):
    """Code without what it prints: texts, the language of pictures, comments, which no tree has."""

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.Constant("") if isinstance(node.value, str) else node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if ast.unparse(node) == IN_ITS_LANGUAGE else self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.Constant:
        return ast.Constant("")


def code_of(path: Path) -> list[str]:
    steps = read(path).script.steps
    return [ast.dump(Nameless().visit(ast.parse(step.code))) for step in steps]


@pytest.mark.parametrize("name", ENGLISH)
def test_both_languages_run_the_same_code(name: str) -> None:
    assert name in IN_CHINESE
    assert code_of(ENGLISH[name]) == code_of(IN_CHINESE[name])


@pytest.mark.parametrize("path", IN_CHINESE.values(), ids=IN_CHINESE)
def test_pictures_of_chinese_lessons_are_in_chinese(path: Path) -> None:
    assert IN_ITS_LANGUAGE in ast.unparse(ast.parse(read(path).script.steps[0].code))


@pytest.mark.parametrize("name", ENGLISH)
def test_both_languages_have_the_same_parts(name: str) -> None:
    parts = [
        [
            (kind, said if kind == "exercise" else "")
            for kind, said in DIRECTIVE.findall(path[name].read_text("utf-8"))
        ]
        for path in (ENGLISH, IN_CHINESE)
    ]
    assert parts[0] == parts[1]
    fragments = [
        [content.split("\n")[0] for _, content in blocks(path[name], "playground")]
        for path in (ENGLISH, IN_CHINESE)
    ]
    assert fragments[0] == fragments[1]


@pytest.mark.parametrize("path", ALL)
def test_exercises_are_known(path: Path) -> None:
    asked = [title or content.strip() for title, content in blocks(path, "exercise")]
    assert set(asked) <= set(NAMES)


def test_no_answer_for_teachers_is_among_the_lessons() -> None:
    answers = tomllib.loads((LESSONS / "answers/answers.toml").read_text("utf-8"))
    for path in (*ENGLISH.values(), *IN_CHINESE.values()):
        shown = path.read_text("utf-8")
        for name, _ in blocks(path, "exercise"):
            for formula in answers.get(name, {"answer": {}})["answer"].values():
                assert len(formula) < 20 or formula not in shown, (path, formula)
