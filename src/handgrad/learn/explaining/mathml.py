"""Formulas in MathML, which browsers show by themselves."""

from collections.abc import Sequence
from html import escape

from handgrad.learn.explaining.notation import GREEK, Notation


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
