"""Mathematical notation: the text of a printed graph in LaTeX and in MathML.

The text is almost Python and parsed by `ast`; what does not parse stays text.
"""

import ast
import re
from collections.abc import Sequence
from html import escape

from handgrad.learn.explaining.explained import Explained

GREEK = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "epsilon": "ε",
    "lambda": "λ",
    "mu": "μ",
    "rho": "ρ",
    "sigma": "σ",
}
PRIME = "ʹ"  # a letter, so that m' is a Python name
EINSUM = re.compile(r"einsum\(([\w,.\->]+), ")
PUT = re.compile(r"(.+?) with \[(.*)\] (\+?=) (.+)")
UPRIGHT = ("exp", "log", "tanh", "sin", "cos", "max", "min")
SUM, PRODUCT, POWER, ATOM = 3, 4, 6, 9
BINARY: dict[type[ast.operator], int] = {
    ast.Add: SUM,
    ast.Sub: SUM,
    ast.Mult: PRODUCT,
    ast.MatMult: PRODUCT,
    ast.BitAnd: 2,
    ast.BitOr: 1,
    ast.BitXor: 1,
}
COMPARED: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "≤",
    ast.Gt: ">",
    ast.GtE: "≥",
    ast.Eq: "=",
    ast.NotEq: "≠",
}
SIGNS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "−",
    ast.Mult: "⊙",
    ast.BitAnd: "∧",
    ast.BitOr: "∨",
    ast.BitXor: "⊕",
}
# Options of the memory layout, not of the computation.
SILENT = {"keepdims", "optimize", "dtype"}


class Notation:
    """Base of the writers of formulas, LaTeX and MathML."""

    def formula(self, text: str) -> str:
        """A formula as a printed graph has it: `x @ W_0.T + b_0`."""
        text = EINSUM.sub(r'einsum("\1", ', text).replace("'", PRIME)
        try:
            if put := PUT.fullmatch(text):
                array, index, sign, value = (part.strip() for part in put.groups())
                places = ast.parse(f"a[{index}]", mode="eval").body
                where = self._index(places) if isinstance(places, ast.Subscript) else []
                left = self.indexed(self._read(array), where)
                return self.joined(
                    [left, self.sign("←" if sign == "=" else "+="), self._read(value)]
                )
            return self._read(text)
        except SyntaxError:
            return self.words(text.replace(PRIME, "'"))

    def _read(self, text: str) -> str:
        return self._of(ast.parse(text, mode="eval").body)[0]

    def _in(self, tree: ast.expr, binds: int) -> str:
        text, tight = self._of(tree)
        return text if tight >= binds else self.bracketed(text)

    def _of(self, tree: ast.expr) -> tuple[str, int]:
        """The text of an expression, and its precedence."""
        match tree:
            case ast.Name(id=name):
                return self.name(name.replace(PRIME, "'")), ATOM
            case ast.Constant(value=value):
                return (self.words(value) if isinstance(value, str) else self.number(value)), ATOM
            case ast.BinOp(left, op, right):
                return self._binary(left, op, right)
            case ast.UnaryOp(op=op, operand=inner):
                sign = "¬" if isinstance(op, ast.Invert) else "−"
                return self.joined([self.sign(sign, before=True), self._in(inner, PRODUCT)]), SUM
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                sides = self._in(left, 1), self._in(right, 1)
                return self.joined([sides[0], self.sign(COMPARED[type(op)]), sides[1]]), 0
            case ast.Attribute(value=value, attr="T"):
                return self.raised(self._in(value, ATOM), self.sign("⊤", before=True)), ATOM
            case ast.Subscript():
                return self.indexed(self._in(tree.value, ATOM), self._index(tree)), ATOM
            case ast.Call():
                return self._call(tree)
            case ast.List(elts) | ast.Tuple(elts):
                return self.bracketed(self.listed([self._of(part)[0] for part in elts])), ATOM
        return self.words(ast.unparse(tree).replace(PRIME, "'")), ATOM

    def _binary(self, left: ast.expr, op: ast.operator, right: ast.expr) -> tuple[str, int]:
        if isinstance(op, ast.Div):
            return self.fraction(self._of(left)[0], self._of(right)[0]), PRODUCT
        if isinstance(op, ast.Pow):
            return self.raised(self._in(left, ATOM), self._of(right)[0]), POWER
        level = BINARY[type(op)]
        sides = [self._in(left, level), self._in(right, level + 1)]
        constant = isinstance(left, ast.Constant) or isinstance(right, ast.Constant)
        sign = "·" if isinstance(op, ast.Mult) and constant else SIGNS.get(type(op), "")
        return self.joined([sides[0], self.sign(sign), sides[1]] if sign else sides), level

    def _index(self, tree: ast.Subscript) -> list[str]:
        parts = tree.slice.elts if isinstance(tree.slice, ast.Tuple) else [tree.slice]
        return [
            self.words(ast.unparse(part)) if isinstance(part, ast.Slice) else self._of(part)[0]
            for part in parts
        ]

    def _call(self, tree: ast.Call) -> tuple[str, int]:
        name = ast.unparse(tree.func).replace(PRIME, "'")
        first = self._of(tree.args[0])[0] if tree.args else ""
        if name == "sqrt":
            return self.root(first), ATOM
        if name == "abs":
            return self.joined(
                [self.sign("|", before=True), first, self.sign("|", before=True)]
            ), ATOM
        if name == "square":
            return self.raised(self._in(tree.args[0], ATOM), self.number(2)), POWER
        if name in ("astype", "copy"):
            return self._of(tree.args[0])
        arguments = [self._of(part)[0] for part in tree.args]
        arguments += [
            self.joined([self.words(k.arg or ""), self.sign("="), self._of(k.value)[0]])
            for k in tree.keywords
            if k.arg not in SILENT
        ]
        name = {"maximum": "max", "minimum": "min"}.get(name, name)
        return self.joined([self.called(name), self.bracketed(self.listed(arguments))]), ATOM

    def name(self, name: str) -> str:
        """A name: its letter, subscript and primes."""
        own = name.rstrip("'")
        matched = re.fullmatch(r"(.+?)_(\d+(?:_\d+)*(?:_[A-Za-z]+)?)", own)
        letters, below = (matched[1], matched[2].replace("_", ".")) if matched else (own, "")
        return self.marked(self.letters(letters), below, len(name) - len(own))

    def letters(self, word: str) -> str:
        """The letters of a name."""
        raise NotImplementedError

    def marked(self, text: str, below: str, primes: int) -> str:
        """Letters with a subscript and primes."""
        raise NotImplementedError

    def number(self, value: object) -> str:
        """A constant."""
        raise NotImplementedError

    def words(self, text: str) -> str:
        """Text that is not a formula."""
        raise NotImplementedError

    def sign(self, sign: str, *, before: bool = False) -> str:
        """An operator between two expressions, or `before` one, without space."""
        raise NotImplementedError

    def called(self, name: str) -> str:
        """The name of a function."""
        raise NotImplementedError

    def joined(self, parts: Sequence[str]) -> str:
        """Expressions side by side."""
        raise NotImplementedError

    def listed(self, parts: Sequence[str]) -> str:
        """Expressions separated by commas."""
        raise NotImplementedError

    def bracketed(self, text: str) -> str:
        """An expression in parentheses."""
        raise NotImplementedError

    def indexed(self, text: str, index: Sequence[str]) -> str:
        """An element, or a part, of an array."""
        raise NotImplementedError

    def fraction(self, above: str, below: str) -> str:
        """A quotient."""
        raise NotImplementedError

    def raised(self, text: str, by: str) -> str:
        """A power or a transpose."""
        raise NotImplementedError

    def root(self, text: str) -> str:
        """A square root."""
        raise NotImplementedError


class MathML(Notation):
    """Writes formulas in MathML."""

    def formula(self, text: str) -> str:
        """A formula within its `math` element."""
        return f"<math>{self.equation('', text)}</math>"

    def equation(self, name: str, text: str) -> str:
        """`name = formula`, without the element around it."""
        inner = super().formula(text)
        return f"{self.name(name)}{self.sign('=')}{inner}" if name else inner

    def letters(self, word: str) -> str:
        if word in GREEK:
            return f"<mi>{GREEK[word]}</mi>"
        slope, rest = word[:1] == "d", word[1:]
        if slope and (len(rest) == 1 or rest in GREEK):
            return f'<mrow><mi mathvariant="normal">d</mi>{self.letters(rest)}</mrow>'
        return f"<mi>{escape(word)}</mi>"

    def marked(self, text: str, below: str, primes: int) -> str:
        above = f"<mo>{'′' * primes}</mo>" if primes else ""
        below = f"<mn>{escape(below)}</mn>" if below else ""
        if above and below:
            return f"<msubsup>{text}{below}{above}</msubsup>"
        if above:
            return f"<msup>{text}{above}</msup>"
        return f"<msub>{text}{below}</msub>" if below else text

    def number(self, value: object) -> str:
        text = "…" if value is ... else str(value)
        if text.startswith("-"):
            return f"<mrow>{self.sign('−', before=True)}<mn>{text[1:]}</mn></mrow>"
        return f"<mn>{text}</mn>"

    def words(self, text: str) -> str:
        return f"<mtext>{escape(text)}</mtext>"

    def sign(self, sign: str, *, before: bool = False) -> str:
        if sign == "⊤":
            return '<mi mathvariant="normal">T</mi>'
        form = ' form="prefix" stretchy="false"' if before else ""
        return f"<mo{form}>{escape(sign)}</mo>"

    def called(self, name: str) -> str:
        return f"<mi>{escape(name)}</mi>"

    def joined(self, parts: Sequence[str]) -> str:
        return f"<mrow>{''.join(parts)}</mrow>"

    def listed(self, parts: Sequence[str]) -> str:
        return f"<mrow>{'<mo>,</mo>'.join(parts)}</mrow>"

    def bracketed(self, text: str) -> str:
        flat = "" if "<mfrac" in text else ' stretchy="false"'
        return f"<mrow><mo{flat}>(</mo>{text}<mo{flat}>)</mo></mrow>"

    def indexed(self, text: str, index: Sequence[str]) -> str:
        flat = ' stretchy="false"'
        return f"<mrow>{text}<mo{flat}>[</mo>{self.listed(index)}<mo{flat}>]</mo></mrow>"

    def fraction(self, above: str, below: str) -> str:
        return f"<mfrac>{above}{below}</mfrac>"

    def raised(self, text: str, by: str) -> str:
        return f"<msup>{text}{by}</msup>"

    def root(self, text: str) -> str:
        return f"<msqrt>{text}</msqrt>"


COMMANDS = {
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
    **COMMANDS,
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
        return COMMANDS.get(sign, sign)

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

    def piece(match: re.Match[str]) -> str:
        left_out, number, exponent, word, sign = match.groups()
        if left_out is not None:
            return rf"[\text{{{escaped(left_out)}: }}"
        if number is not None:
            return rf"{number} \times 10^{{{int(exponent)}}}"
        if word is not None:
            if word in ("nan", "inf"):
                return {"nan": r"\text{nan}", "inf": r"\infty"}[word]
            return f"\\{word}" if word in UPRIGHT else rf"\operatorname{{{escaped(word)}}}"
        return f" {IN_LINES.get(sign, sign)} " if sign != "^" else "^"

    text = PIECE.sub(piece, text)
    # a base in brackets, or an exponent of several signs, goes together
    text = re.sub(r"\^(\([^()]*\)|[\d.]+)", r"^{\1}", text)
    return re.sub(r" +", " ", text).replace("( -", "(-").strip()


def latex(e: Explained) -> str:
    """A heading and an `align*` for each method of each layer."""
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
