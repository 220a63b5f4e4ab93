"""Formulas as mathematics is written: the text of a printed graph in LaTeX and in MathML.

The text is nearly Python, and is read by Python's own parser; what it does not read stays text.
"""

import ast
import re
from collections.abc import Sequence

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
PRIME = "ʹ"  # a letter, so that m' is a name to Python
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
# Options that say how an array is laid out, not what is computed.
SILENT = {"keepdims", "optimize", "dtype"}


class Notation:
    """Writes formulas; the two ways to write mathematics fill in how."""

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
        """What is written, and how tightly it binds."""
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
        found = []
        for part in parts:
            if isinstance(part, ast.Slice):
                found.append(self.words(ast.unparse(part)))
            else:
                found.append(self._of(part)[0])
        return found

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
        given = [self._of(part)[0] for part in tree.args]
        given += [
            self.joined([self.words(k.arg or ""), self.sign("="), self._of(k.value)[0]])
            for k in tree.keywords
            if k.arg not in SILENT
        ]
        name = {"maximum": "max", "minimum": "min"}.get(name, name)
        return self.joined([self.called(name), self.bracketed(self.listed(given))]), ATOM

    def name(self, name: str) -> str:
        """A name: its letter, what stands below it, its primes."""
        own = name.rstrip("'")
        matched = re.fullmatch(r"(.+?)_(\d+(?:_\d+)*(?:_[A-Za-z]+)?)", own)
        letters, below = (matched[1], matched[2].replace("_", ".")) if matched else (own, "")
        return self.marked(self.letters(letters), below, len(name) - len(own))

    def letters(self, word: str) -> str:
        """The letters of a name."""
        raise NotImplementedError

    def marked(self, text: str, below: str, primes: int) -> str:
        """Letters with what stands below them, and primes."""
        raise NotImplementedError

    def number(self, value: object) -> str:
        """A constant."""
        raise NotImplementedError

    def words(self, text: str) -> str:
        """What stays text."""
        raise NotImplementedError

    def sign(self, sign: str, *, before: bool = False) -> str:
        """A sign between two things, or `before` one, without space."""
        raise NotImplementedError

    def called(self, name: str) -> str:
        """The name of a function."""
        raise NotImplementedError

    def joined(self, parts: Sequence[str]) -> str:
        """Things beside each other."""
        raise NotImplementedError

    def listed(self, parts: Sequence[str]) -> str:
        """Things with commas between."""
        raise NotImplementedError

    def bracketed(self, text: str) -> str:
        """Something in round brackets."""
        raise NotImplementedError

    def indexed(self, text: str, index: Sequence[str]) -> str:
        """An element, or a part, of an array."""
        raise NotImplementedError

    def fraction(self, above: str, below: str) -> str:
        """A quotient."""
        raise NotImplementedError

    def raised(self, text: str, by: str) -> str:
        """A power, or what is transposed."""
        raise NotImplementedError

    def root(self, text: str) -> str:
        """A square root."""
        raise NotImplementedError
