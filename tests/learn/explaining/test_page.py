"""The page says what the text says; its mathematics is well-formed, and so is the LaTeX."""

import re
from html import unescape
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.mathtext import MathTextParser

import handgrad as hg
from handgrad.learn.explaining.explain import WORDS
from handgrad.learn.explaining.notation import Latex, MathML
from handgrad.learn.explaining.steps import Step
from tests.learn.explaining.test_lines import TABLES


class Lines(HTMLParser):
    """The lines of a page's main part as the text has them."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.inside: list[str] = []
        self.heading = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("li", "summary", "h2") or (tag == "p" and given.get("class") == "source"):
            self.lines.append("")
            self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.inside and tag == self.inside[-1]:
            self.inside.pop()
            if tag == "summary":
                self.lines[-1] = f"{self.heading.lower()} · {self.lines[-1]}"
            self.lines[-1] = " ".join(self.lines[-1].split())
            if tag == "h2":
                self.heading = self.lines.pop()

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.lines[-1] += data


def lines_in(page: str) -> list[str]:
    reader = Lines()
    reader.feed(page.split("<main>")[1].split("</main>")[0].partition("<script>")[0])
    return reader.lines


def lines_of_text(text: str) -> list[str]:
    lines = [" ".join(line.split()) for line in text.splitlines()[1:]]
    return [line for line in lines if line and line != "inputs"]


@pytest.mark.parametrize("name", TABLES)
def test_the_page_says_what_the_text_says(name: str) -> None:
    e = TABLES[name](name, 2, 1)
    page = e.html()
    of_page, of_text = lines_in(page), without_tables(lines_of_text(str(e)), e)
    if name not in ("RNN", "GRU", "LSTM", "Bidirectional") and 'class="rounds"' not in page:
        assert of_page == of_text
        return
    left = iter(of_page)  # which has each step of a recurrence, and each round of a loop, in full
    told = (line.replace(" (as above)", "") for line in of_text)
    assert all(line in left for line in told if not line.startswith("…"))


def in_a_table(step: Step) -> bool:
    """Whether the page has a table of a step's numbers, not a line for each of a few."""
    return step.value.ndim > 2 and step.shown_lines()[1] > 0


def without_tables(lines: list[str], e: hg.learn.Explanation) -> list[str]:
    """Lines of the text, but for those of numbers that stand in a table of the page."""
    found, heads = [], {f"{step.name} = {step.formula}": step for step in e.steps}
    table, told = False, 0
    for line in lines:
        head = next((heads[text] for text in heads if line.startswith(f"{text} ")), None)
        if head is not None or " → " in line:
            table, told = head is not None and in_a_table(head), 0
        else:
            told += 1
        if not table or told < 2:
            found.append(line)
    return found


def test_arrays_of_many_axes_are_tables_of_their_first_matrix() -> None:
    rng = np.random.default_rng(0)
    net = hg.Net(hg.Embedding(7, 4, rng=0), hg.MultiheadAttention(4, 2, causal=True, rng=0))
    e = hg.explain(net, rng.integers(0, 7, (1, 10)))
    weights = next(step for step in e.steps if step.name == "p_1")
    table = e.html().split("<caption>p_1[0,0,:,:]</caption>")[1].split("</table>")[0]
    rows = [re.findall(r'<td data-k="[^"]+"[^>]*>([^<]+)</td>', row) for row in table.split("<tr>")]
    rows = [row for row in rows if row]
    assert [len(row) for row in rows] == [8] * 8
    shown = [[float(text.replace("−", "-")) for text in row] for row in rows]
    np.testing.assert_allclose(shown, weights.value[0, 0, :8, :8], rtol=1e-3)
    assert table.count("…") == 9  # of ten rows and ten columns
    shades = [float(shade) for shade in re.findall(r"--shade: ([\d.]+)", table)]
    assert max(shades) == 1
    assert min(shades) == 0
    assert "p_1[0,0,0,1] =" not in e.html()


def test_the_rounds_of_a_loop_are_closed_in_the_page() -> None:
    net = hg.Net(
        hg.layers.Reshape(1, 5, 5), hg.Conv2d(1, 1, 3, rng=0), hg.Flatten(), hg.Linear(9, 1)
    )
    x = np.random.default_rng(0).normal(size=(1, 25))
    page = hg.explain(net, x, [[0.0]], loss=hg.MSELoss()).html()
    closed = page.split('<details class="rounds"><summary>… ')
    assert len(closed) == 2
    count = int(closed[1].split(" ")[0])
    assert closed[1].split("</details>")[0].count('class="step"') == count > 8


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES)
def test_its_formulas_are_well_formed(name: str) -> None:
    """As XML, and as what Matplotlib reads of LaTeX."""
    parser = MathTextParser("path")
    e = TABLES[name](name, 2, 1)
    for step in e.steps:
        written = MathML().equation(step.name, step.formula)
        root = ElementTree.fromstring(f"<math>{written}</math>")
        assert "".join(root.itertext())
        for part in root.iter():
            assert len(part) == {"mfrac": 2, "msup": 2, "msub": 2, "msubsup": 3}.get(
                part.tag, len(part)
            )
        parser.parse(f"${known(Latex().name(step.name))} = {known(Latex().formula(step.formula))}$")
    for row in re.findall(r"&=? ?(.*?)(?: \\\\)?$", e.latex(), re.MULTILINE)[::5]:
        parser.parse(f"${known(row)}$")


def known(latex: str) -> str:
    """LaTeX in the words that Matplotlib knows of it."""
    latex = re.sub(r"\\(le|ge)(?![a-z])", r"\\\1q", latex)
    return latex.replace(r"\text{", r"\mathrm{").replace("…", "...")


def test_what_is_special_to_latex_is_escaped() -> None:
    net = hg.Net(hg.Linear(1, 1, rng=0))
    text = hg.explain(net, [[1.0]], [[0.0]], optimizer=hg.SGD(0.1)).latex()
    assert r"\mathrm{learning\_rate}" in text
    assert text.count(r"\begin{align*}") == text.count(r"\end{align*}") > 4
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("x @ W_0.T + b_0", r"x {W_{0}}^{\top} + b_{0}"),
        ("(1 - y_1 ** 2) * dx_2", r"\left(1 - {y_{1}}^{2}\right) \odot \mathrm{d}x_{2}"),
        ("2 * e * 1/n", r"\frac{2 \cdot e \cdot 1}{n}"),
        ("gamma_1 * z_1'", r"\gamma_{1} \odot z_{1}'"),
        ("sqrt(v_hat) + 1e-08", r"\sqrt{\mathrm{v\_hat}} + 1 \times 10^{-8}"),
        (
            "dp with [arange(n), y] = -1/n / p_of_y",
            r"\mathrm{d}p\left[\operatorname{arange} \left(n\right), y\right] \leftarrow "
            r"\frac{\frac{- 1}{n}}{\mathrm{p\_of\_y}}",
        ),
        ("one two three", r"\text{one two three}"),
    ],
)
def test_formulas_in_latex(text: str, latex: str) -> None:
    assert Latex().formula(text) == latex


def test_a_page_needs_nothing_else_and_escapes_what_it_is_told() -> None:
    class Odd(hg.Layer):
        """y = x      dx = dy"""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def forward(self, x: Any) -> Any:
            return x * 1

        def backward(self, dy: Any) -> Any:
            return dy * 1

    page = hg.explain(hg.Net(Odd("<script>alert(1)</script>")), [[1.0]], [[0.0]]).html()
    assert "<script>alert" not in page
    assert not re.search(r'(src|href)="(?!#)', page)
    assert "http" not in page.replace("http://www.w3.org", "")


def test_a_notebook_shows_the_page_in_a_frame() -> None:
    e = hg.explain(hg.Net(hg.Linear(1, 1, rng=0)), [[1.0]])
    shown = e._repr_html_()
    page = re.search(r'srcdoc="([^"]*)"', shown)
    assert page
    assert unescape(page[1]) == e.html()
    assert 'sandbox="allow-scripts"' in shown


def test_the_languages_have_the_same_words() -> None:
    english, chinese = WORDS["en"], WORDS["zh"]
    assert english.keys() == chinese.keys()
    for name, words in english.items():
        assert sorted(re.findall(r"\{\d?\}", words)) == sorted(
            re.findall(r"\{\d?\}", chinese[name])
        )


def test_a_chinese_page_has_no_english_words_around() -> None:
    net = hg.Net(hg.Linear(2, 2, rng=0), hg.Tanh())
    x = np.ones((1, 2))
    e = hg.explain(net, x, x, loss=hg.MSELoss(), optimizer=hg.SGD(0.1), language="zh")
    page = e.html()
    assert 'lang="zh"' in page
    told = " ".join(lines_in(page)) + str(e)
    assert not re.search(r"\b(forward|backward|update|given|zeros|more|rows?)\b", told)
    assert ")，再由 SGD(0.1) 走第一步；一行数据\n" in str(e)
    assert "前向" in str(e)
    assert "反向" in str(e)
