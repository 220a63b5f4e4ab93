"""An explanation in LaTeX: formulas, and lines of arithmetic."""

import re
from collections.abc import Sequence

from handgrad.learn.explaining.explained import Explained
from handgrad.learn.explaining.notation import GREEK, UPRIGHT, Notation

SIGNS = {
    "−": "-",
    "·": r"\cdot",
    "⊙": r"\odot",
    "←": r"\leftarrow",
    "≤": r"\le",
    "≥": r"\ge",
    "≠": r"\neq",
    "∧": r"\wedge",
    "∨": r"\vee",
    "⊕": r"\oplus",
    "¬": r"\neg ",
    "⊤": r"\top",
}
SPECIAL = re.compile(r"([#$%&_{}])")
# Of a line of arithmetic: what is left out, numbers with exponents, words, signs.
PIECE = re.compile(r"\[([^]:]*): |(\d[\d.]*)e([+-]\d+)|([a-z][a-z_0-9]*)|([·−^<>=!&|~]=?)")
IN_LINES = {
    **SIGNS,
    "<=": r"\le",
    ">=": r"\ge",
    "==": "=",
    "!=": r"\neq",
    "&": r"\wedge",
    "|": r"\vee",
    "~": r"\neg",
}


def escaped(text: str) -> str:
    """Words, with what LaTeX would take for its own."""
    text = SPECIAL.sub(r"\\\1", text.replace("\\", "/"))
    return text.replace("^", r"\^{}").replace("~", r"\~{}")


class Latex(Notation):
    """Writes formulas in LaTeX."""

    def letters(self, word: str) -> str:
        if word in GREEK:
            return f"\\{word}"
        slope, rest = word[:1] == "d", word[1:]
        if slope and (len(rest) == 1 or rest in GREEK):
            return rf"\mathrm{{d}}{self.letters(rest)}"
        return word if len(word) == 1 else rf"\mathrm{{{escaped(word)}}}"

    def marked(self, text: str, below: str, primes: int) -> str:
        return text + (f"_{{{escaped(below)}}}" if below else "") + "'" * primes

    def number(self, value: object) -> str:
        text = "…" if value is ... else str(value)
        return line(f"−{text[1:]}" if text.startswith("-") else text)

    def words(self, text: str) -> str:
        return rf"\text{{{escaped(text)}}}"

    def sign(self, sign: str, *, before: bool = False) -> str:
        return SIGNS.get(sign, sign)

    def called(self, name: str) -> str:
        return f"\\{name}" if name in UPRIGHT else rf"\operatorname{{{escaped(name)}}}"

    def joined(self, parts: Sequence[str]) -> str:
        return " ".join(parts)

    def listed(self, parts: Sequence[str]) -> str:
        return ", ".join(parts)

    def bracketed(self, text: str) -> str:
        return rf"\left({text}\right)"

    def indexed(self, text: str, index: Sequence[str]) -> str:
        return rf"{text}\left[{', '.join(index)}\right]"

    def fraction(self, above: str, below: str) -> str:
        return rf"\frac{{{above}}}{{{below}}}"

    def raised(self, text: str, by: str) -> str:
        return f"{{{text}}}^{{{by}}}"

    def root(self, text: str) -> str:
        return rf"\sqrt{{{text}}}"


def line(text: str) -> str:
    r"""Arithmetic with numbers in LaTeX: `tanh(−0.08219)` as `\tanh(-0.08219)`."""

    def piece(found: re.Match[str]) -> str:
        left_out, number, exponent, word, sign = found.groups()
        if left_out is not None:
            return rf"[\text{{{escaped(left_out)}: }}"
        if number is not None:
            return rf"{number} \times 10^{{{int(exponent)}}}"
        if word is not None:
            if word in ("nan", "inf"):
                return {"nan": r"\text{nan}", "inf": r"\infty"}[word]
            return f"\\{word}" if word in UPRIGHT else rf"\operatorname{{{escaped(word)}}}"
        return f" {IN_LINES.get(sign, sign)} " if sign != "^" else "^"

    found = PIECE.sub(piece, text)
    # a base in brackets, or an exponent of several signs, goes together
    found = re.sub(r"\^(\([^()]*\)|[\d.]+)", r"^{\1}", found)
    return re.sub(r" +", " ", found).replace("( -", "(-").strip()


def latex(e: Explained) -> str:
    """A heading and an `align*` for each method of each page."""
    words, write, out = e.writer.words, Latex(), list[str]()
    for section in e.sections:
        rows = []
        for step in section.steps:
            name = write.name(step.name)
            rows.append(f"{name} &= {write.formula(step.formula)}")
            lines, more = step.shown_lines()
            for shown in lines:
                index = shown.name[len(step.name) :]
                arithmetic = shown.text(e.writer)[len(shown.name) + 3 :]
                rows.append(f"{name}{index} &= {line(arithmetic)}")
            if more:
                rows.append(rf"&\text{{{escaped(words['more'].format(more))}}}")
        body = " \\\\\n".join(rows)
        title = escaped(section.title(words))
        out.append(f"\\subsubsection*{{{title}}}\n\\begin{{align*}}\n{body}\n\\end{{align*}}")
    return "\n\n".join(out)
