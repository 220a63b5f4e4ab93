"""A step of a net explained: each line of its pages with the numbers of these rows."""

from __future__ import annotations

from html import escape

from handgrad.files.html import TEMPLATES, require_templates
from handgrad.learn.explaining.explained import Explained
from handgrad.learn.explaining.latex import latex
from handgrad.learn.explaining.text import text
from handgrad.textbook.display import shown_whole
from handgrad.textbook.install import installed


class Explanation(Explained):
    """What `hg.explain` gives; printed, it is each line of the pages with these rows' numbers."""

    def __str__(self) -> str:
        return text(self)

    def html(self) -> str:
        """The explanation as a page that needs nothing else: the net, and beside it every line."""
        require_templates("an explanation as a page")  # the text needs none
        from handgrad.learn.explaining.document import page

        return page(self)

    def _repr_html_(self) -> str:
        """The page in a frame: notebooks drop scripts outside of frames."""
        if not installed(*TEMPLATES):
            raise NotImplementedError  # then notebooks show the text
        page = escape(self.html(), quote=True)
        return (
            f'<iframe srcdoc="{page}" sandbox="allow-scripts" loading="lazy" '
            f'title="{escape(self.writer.words["frame"])}" '
            'style="width: 100%; height: 40rem; border: 0"></iframe>'
        )

    def latex(self) -> str:
        """The explanation in LaTeX: a heading and an `align*` for each method of each page."""
        return latex(self)

    def __repr__(self) -> str:
        return f"<Explanation: {self.title}, {len(self.steps)} steps>"

    _repr_pretty_ = shown_whole
