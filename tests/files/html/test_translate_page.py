"""Translation of finished pages."""

import pytest

from handgrad.files.html.translate import translate_page
from handgrad.textbook.language import translation

TOLD = translation(
    {
        "{n} rows": "{n} 个样本",
        "It predicts <b>{target}</b> for {rows}.": "它对 {rows}预测 <b>{target}</b>。",
        "All is well.": "一切正常。",
        "Rows": "样本",
        "too few rows": "样本太少",
        "rows": "样本",
        "over-fitting": "过拟合",
        "checks made": "已做的检查",
    }
)


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<h2>Rows</h2>", "<h2>样本</h2>"),
        ("<p>All is\nwell.</p>", "<p>一切正常。</p>"),
        (
            "<p> It predicts <b>rows</b> for 3 rows. All is well.\n</p>",
            "<p> 它对 3 个样本预测 <b>rows</b>。一切正常。\n</p>",
        ),
        ("<p>Unknown &amp; <b>rows</b></p>", "<p>Unknown &amp; <b>rows</b></p>"),
        ("<p>Unknown sentence. All is well.</p>", "<p>Unknown sentence.一切正常。</p>"),
        ("<p>Too few rows.</p>", "<p>样本太少。</p>"),
        (
            "<p>Checks made: too few rows, over-fitting, rows.</p>",
            "<p>已做的检查：样本太少、过拟合、rows。</p>",
        ),
        ("<p>Try: too few rows</p>", "<p>Try: too few rows</p>"),
        ('<td data-label="rows">7 rows</td>', '<td data-label="样本">7 个样本</td>'),
        ('<th scope="row">rows</th><td>rows</td>', '<th scope="row">rows</th><td>样本</td>'),
        ("<pre>Rows</pre><code>x</code>", "<pre>Rows</pre><code>x</code>"),
        ('<svg title="3 rows"><text>Rows', '<svg title="3 个样本"><text>Rows'),
        ("<script>Rows</script><p>Rows", "<script>Rows</script><p>样本"),
    ],
)  # fmt: skip
def test_texts_are_translated_and_names_code_and_pictures_stay(page: str, expected: str) -> None:
    assert translate_page(page, TOLD, "zh-Hans") == expected


def test_the_page_says_its_language() -> None:
    page = '<html lang="en"><p lang="en">Rows</p>'
    assert translate_page(page, TOLD, "zh-Hans") == '<html lang="zh-Hans"><p lang="en">样本</p>'
