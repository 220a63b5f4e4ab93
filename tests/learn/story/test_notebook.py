"""The notebooks in docs are the story, and run."""

import json
from pathlib import Path

import nbformat
import pytest

from handgrad.learn.story import read_story
from handgrad.learn.story.notebook import notebook, write_notebook
from tests.waiting import run_notebook

DOCS = Path(__file__).parents[3] / "docs"
NOTEBOOKS = {"en": DOCS / "story.ipynb", "zh": DOCS / "story.zh.ipynb"}


@pytest.mark.parametrize("language", NOTEBOOKS)
def test_the_notebook_is_what_the_story_makes(language: str, tmp_path: Path) -> None:
    made = write_notebook(language, tmp_path / "a.ipynb").read_text("utf-8")
    assert NOTEBOOKS[language].read_text("utf-8") == made, "make notebooks"
    nbformat.validate(json.loads(made))


@pytest.mark.parametrize("language", NOTEBOOKS)
def test_all_of_the_story_is_in_it(language: str) -> None:
    story = read_story(language)
    cells = notebook(story)["cells"]
    text = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    assert all(f"## {chapter.title}\n" in text for chapter in story.chapters)
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    said = '\nhg.defaults(language="zh")  # 图中的文字用中文\n'
    assert (said in code[0]) is (language == "zh")
    code[0] = code[0].replace(said, "")
    assert [c.rstrip(";") for c in code] == [block.code.rstrip("\n") for block in story.blocks]


@pytest.mark.slow
def test_it_runs_and_shows_each_picture_once() -> None:
    content = nbformat.read(NOTEBOOKS["en"], as_version=4)  # type: ignore[no-untyped-call]
    run_notebook(content)
    cells = [cell for cell in content.cells if cell.cell_type == "code"]
    for cell, block in zip(cells, read_story("en").blocks, strict=True):
        kinds = [output.output_type for output in cell.outputs]
        images = [o for o in cell.outputs if "image/png" in o.get("data", {})]
        assert len(images) == (block.picture is not None), cell.source
        assert "error" not in kinds
        assert "stderr" not in [output.get("name") for output in cell.outputs], json.dumps(kinds)
        assert "execute_result" not in kinds
