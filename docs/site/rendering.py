"""Markdown to HTML: syntax colours, output of blocks, checked links."""

import html
import posixpath
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import unquote

from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

from docs.site.documents import MARKDOWN, Document, is_step, line_of
from docs.site.errors import SiteError
from docs.site.tree import WORDS
from handgrad.files.html import json_in_page
from handgrad.learn.exercises import exercise
from handgrad.learn.story.chapters import Picture
from handgrad.learn.story.page import Outcome, size_of
from handgrad.textbook.errors import SettingError

LEXERS = {"formula": "python", "py": "python", "": "text", "sh": "shell", "mermaid": "text"}
PUBLIC = re.compile(r"hg(?:\.\w+)+(?=\(.*\)$|$)")


@dataclass
class Text:
    """A rendered document: its HTML, and generated files by name.

    Addresses in it begin with `page:`, a page's name, or `file:`, the path of a file of the
    repository or the name of one that was made: where they are is known when the page has a place.
    """

    html: str
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Rendering:
    """Context for rendering a document."""

    document: Document
    name: str
    outcomes: Iterator[Outcome]
    address: Callable[[Document, str], str]
    public: Mapping[str, str]
    text: Text = field(default_factory=lambda: Text(""))
    figures: Iterator[int] = field(default_factory=lambda: count(1))
    tables: Counter[str] = field(default_factory=Counter)
    headings: int = 0
    heading: str = ""
    links: int = 0
    line: int = 1

    @property
    def words(self) -> Mapping[str, str]:
        """Return the texts of the frame, in the document's language."""
        return WORDS[self.document.language]


def render(rendering: Rendering) -> Text:
    """Return the HTML of a document without its first heading, which is in the frame."""
    tokens = [*rendering.document.tokens]
    first = next((i for i, token in enumerate(tokens) if token.tag == "h1"), None)
    if first is not None:
        rendering.headings = 1
        del tokens[first : first + 3]
    renderer = _Renderer()
    options, env = MARKDOWN.options, {"rendering": rendering}
    rendering.text.html = renderer.render(tokens, options, env)
    return rendering.text


def coloured(code: str, language: str) -> str:
    """Return code with spans for syntax colours."""
    lexer = get_lexer_by_name(LEXERS.get(language, language), stripnl=False)
    return str(highlight(code, lexer, HtmlFormatter(nowrap=True))).rstrip("\n")


class _Renderer(RendererHTML):
    """markdown-it's renderer with rules of this site: its methods are called by kinds of tokens."""

    def fence(self, tokens: Sequence[Token], i: int, options: OptionsDict, env: EnvType) -> str:
        token, rendering = tokens[i], env["rendering"]
        kind, _, title = token.info.partition(" ")
        if directive := DIRECTIVES.get(kind):
            return directive(rendering, token, title.strip())
        if is_step(token, rendering.document.runs):
            return _step(rendering, token)
        try:
            code = coloured(token.content, kind)
        except ValueError:
            raise _fault(rendering, token, f"a block in a language not known: {kind}") from None
        label = f'<p class="label">{html.escape(title)}</p>' if kind == "formula" else ""
        return f'{label}<pre class="{kind or "plain"}"><code>{code}</code></pre>\n'

    def code_block(
        self, tokens: Sequence[Token], i: int, options: OptionsDict, env: EnvType
    ) -> str:
        return (
            f'<pre class="formula"><code>{html.escape(tokens[i].content.rstrip())}</code></pre>\n'
        )

    def heading_open(
        self, tokens: Sequence[Token], i: int, options: OptionsDict, env: EnvType
    ) -> str:
        rendering = env["rendering"]
        heading = rendering.document.headings[rendering.headings]
        rendering.headings += 1
        rendering.heading = heading.text
        return f'<{tokens[i].tag} id="{heading.anchor}">'

    def heading_close(
        self, tokens: Sequence[Token], i: int, options: OptionsDict, env: EnvType
    ) -> str:
        rendering = env["rendering"]
        heading = rendering.document.headings[rendering.headings - 1]
        name = html.escape(heading.text)
        return (
            f' <a class="anchor" href="#{heading.anchor}" aria-label="{name}">#</a>'
            f"</{tokens[i].tag}>\n"
        )

    def paragraph_open(
        self, tokens: Sequence[Token], i: int, options: OptionsDict, env: EnvType
    ) -> str:
        env["rendering"].line = line_of(tokens[i])
        return self.renderToken(tokens, i, options, env)

    def link_open(self, tokens: Sequence[Token], i: int, options: OptionsDict, env: EnvType) -> str:
        rendering = env["rendering"]
        rendering.links += 1
        tokens[i].attrs["href"] = _address(rendering, str(tokens[i].attrs["href"]))
        return self.renderToken(tokens, i, options, env)

    def link_close(
        self, tokens: Sequence[Token], i: int, options: OptionsDict, env: EnvType
    ) -> str:
        env["rendering"].links -= 1
        return "</a>"

    def image(self, tokens: Sequence[Token], i: int, options: OptionsDict, env: EnvType) -> str:
        source = _address(env["rendering"], str(tokens[i].attrs["src"]))
        return f'<img src="{source}" alt="{html.escape(tokens[i].content)}" loading="lazy">'

    def code_inline(
        self, tokens: Sequence[Token], i: int, options: OptionsDict, env: EnvType
    ) -> str:
        """Render code; a public name links to the reference."""
        rendering, content = env["rendering"], tokens[i].content
        code = f"<code>{html.escape(content)}</code>"
        found = PUBLIC.match(content)
        target = rendering.public.get(found[0].removeprefix("hg.")) if found else None
        if target is None or rendering.links:
            return code
        return f'<a href="{target}">{code}</a>'

    def table_open(
        self, tokens: Sequence[Token], i: int, options: OptionsDict, env: EnvType
    ) -> str:
        rendering = env["rendering"]
        label = rendering.words["table"].format(rendering.heading or rendering.document.title)
        rendering.tables[label] += 1
        if (number := rendering.tables[label]) > 1:
            label += f", {number}"
        return f'<div class="scrolls" role="region" aria-label="{html.escape(label)}"><table>\n'

    def th_open(self, tokens: Sequence[Token], i: int, options: OptionsDict, env: EnvType) -> str:
        """Render a column heading, or a plain cell if it is empty."""
        tokens[i].tag = tokens[i + 2].tag = "th" if tokens[i + 1].content else "td"
        return self.renderToken(tokens, i, options, env)

    def table_close(
        self, tokens: Sequence[Token], i: int, options: OptionsDict, env: EnvType
    ) -> str:
        return "</table></div>\n"


def _step(rendering: Rendering, token: Token) -> str:
    """Render a block that was run: code, output, figure."""
    outcome, words = next(rendering.outcomes), rendering.words
    found = f'<pre class="python run"><code>{coloured(token.content, "python")}</code></pre>\n'
    if outcome.printed:
        printed = html.escape(outcome.printed)
        found += (
            f'<pre class="output" aria-label="{words["output"]}"><samp>{printed}</samp></pre>\n'
        )
    if picture := token.meta.get("picture"):
        if not outcome.image:
            raise _fault(rendering, token, "an image follows a block that ends with no figure")
        found += _picture(rendering, picture, outcome.image)
    return found


def _picture(rendering: Rendering, picture: Picture, image: bytes) -> str:
    name = _made(rendering, picture.file)
    rendering.text.files[name] = image
    _, width, height = size_of(image)
    label = rendering.words["figure"].format(next(rendering.figures))
    return (
        f'<figure><img src="file:{name}" alt="{html.escape(picture.alt)}" width="{width}" '
        f'height="{height}" loading="lazy"><figcaption><b>{label}</b> '
        f"{html.escape(picture.caption)}</figcaption></figure>\n"
    )


def _made(rendering: Rendering, file: str) -> str:
    """Return the name in the site of a file generated for this document."""
    return f"made/{rendering.document.language}/{rendering.name}/{file}"


def _explain(rendering: Rendering, token: Token, title: str) -> str:
    """Render an explanation: a separate page, shown in a frame."""
    words, label = rendering.words, html.escape(rendering.heading)
    name = _made(rendering, f"explained-{line_of(token)}.html")
    rendering.text.files[name] = next(rendering.outcomes).printed.encode()
    return (
        f'<figure class="explained"><iframe src="file:{name}" loading="lazy" '
        f'title="{words["explained"]}: {label}"></iframe>'
        f'<figcaption><a href="file:{name}">{words["explained"]}</a></figcaption></figure>\n'
    )


def _playground(rendering: Rendering, token: Token, title: str) -> str:
    """Render the playground: the first line is its fragment, the others its caption."""
    setting, _, caption = token.content.strip().partition("\n")
    words, language = rendering.words, rendering.document.language
    address = html.escape(f"file:play.html#{setting.removeprefix('#')}&language={language}")
    said = html.escape(caption.strip() or rendering.heading)
    label = html.escape(words["playground"].format(caption.strip() or rendering.heading))
    return (
        f'<figure class="playground"><iframe src="{address}" title="{label}" loading="lazy">'
        f'</iframe><figcaption>{said} <a href="{address}">{words["open_playground"]}</a>'
        "</figcaption></figure>\n"
    )


def _exercise(rendering: Rendering, token: Token, title: str) -> str:
    """Render an exercise as JSON, which `exercises.js` turns into a form."""
    title = title or token.content.strip()
    words, name = rendering.words, html.escape(title)
    asked = html.escape(f'hg.exercise("{title}")')
    try:
        data = exercise(title, rendering.document.language).data()
    except SettingError as error:
        raise _fault(rendering, token, str(error)) from None
    return (
        f'<section class="exercise" data-exercise="{name}" aria-label="'
        f'{words["exercise"].format(name)}"><p>'
        f"{words['exercise_needs'].format(f'<code>{asked}</code>')}</p>"
        f'<script type="application/json">{json_in_page(data)}</script></section>\n'
    )


def _answer(rendering: Rendering, token: Token, title: str) -> str:
    """Render a collapsed answer, with the question as title."""
    inner = _Renderer().render(
        MARKDOWN.parse(token.content), MARKDOWN.options, {"rendering": rendering}
    )
    question = html.escape(title or rendering.words["answer"])
    return f'<details class="answer"><summary>{question}</summary>{inner}</details>\n'


DIRECTIVES: dict[str, Callable[[Rendering, Token, str], str]] = {
    "explain": _explain,
    "playground": _playground,
    "exercise": _exercise,
    "answer": _answer,
}


def _address(rendering: Rendering, target: str) -> str:
    """Return the target in the site of a link of the document."""
    if re.match(r"\w+:", target):
        return target
    try:
        return rendering.address(rendering.document, unquote(target))
    except LookupError as error:
        raise SiteError(rendering.document.path, rendering.line, str(error.args[0])) from None


def _fault(rendering: Rendering, token: Token, wrong: str) -> SiteError:
    return SiteError(rendering.document.path, line_of(token), wrong)


def beside(document: Document, path: str) -> str:
    """Return the path in the repository of a document's `path`."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(document.path), path))
