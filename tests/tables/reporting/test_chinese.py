"""Reports in Chinese: no English sentence is left, numbers are those of the English one."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import handgrad as hg
from handgrad.tables.language import REPORT
from tests.texts import english_in, page_texts, texts_of, untranslated

TABLES = Path(hg.tables.__file__).parent


@pytest.fixture(autouse=True)
def in_chinese(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("handgrad.plots.labels._installed", lambda: "DejaVu Sans")
    with hg.defaults(language="zh"):
        yield


def report(name: str, folder: Path) -> str:
    """The report of a small model."""
    x, x_test, y, y_test = hg.data.train_test_split(*hg.data.load(name), rng=0)
    kind = hg.TabularClassifier if name == "iris" else hg.TabularRegressor
    model = kind(epochs=2, random_state=0).fit(x, y)
    path = hg.tables.write_report(model, x_test, y_test, to=folder / "a.html", training=(x, y))
    return path.read_text("utf-8")


@pytest.mark.parametrize("name", ["iris", "diabetes"])
def test_a_report_has_no_english_sentence(name: str, tmp_path: Path) -> None:
    page = report(name, tmp_path)
    assert [text for text in page_texts(page) if english_in(text)] == []
    assert '<html lang="zh-Hans">' in page
    assert "瞎猜" in page
    with hg.defaults(language="en"):
        english = report(name, tmp_path)
    assert '<html lang="en">' in english
    assert not re.search("[\u4e00-\u9fff]", english)
    numbers = re.compile(r"<b>[\d.]+%?</b>|<pre.*?</pre>", re.DOTALL)
    assert sorted(numbers.findall(page)) == sorted(numbers.findall(english))


def test_every_text_of_a_finding_on_rows_has_a_chinese_one() -> None:
    texts = [*texts_of(TABLES, ("Finding",))]
    assert len(texts) > 25
    assert [text for text in texts if untranslated(text, REPORT.in_chinese)] == []
