"""Language of texts for people: English as the code has them, Chinese by catalogues."""

import os
import re
from collections.abc import Callable, Mapping
from functools import cache, cached_property

LANGUAGES = {"en": "English", "zh": "中文"}
VARIABLE = "HANDGRAD_LANGUAGE"
# Settings of hg.defaults: rng and dtype for modules with these arguments, and the language.
DEFAULTS: dict[str, object] = {}
NUMBER, NUMBERS = r"[-−+]?\d[\d,.:-]*%?", ("n", "m", "k")  # fields for numbers and dates
TEXT = "(?:(?!</).)+?"  # not over the end of an HTML element
FIELD = re.compile(r"\{(\w*)\}")


def language() -> str:
    """Language of texts: that of `hg.defaults`, else `HANDGRAD_LANGUAGE`, else the locale's.

    Returns
    -------
    str
        "zh" for Chinese, else "en".
    """
    return chosen_language() or _of_name(_locale())


def chosen_language() -> str | None:
    """Return the language set by `hg.defaults` or `HANDGRAD_LANGUAGE`; None without one."""
    if (chosen := DEFAULTS.get("language")) is not None:
        return str(chosen)
    return _of_name(name) if (name := os.environ.get(VARIABLE)) else None


def _locale() -> str:
    values = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    if name := next(filter(None, values), None):
        return name
    import locale

    return locale.getlocale()[0] or ""


def _of_name(name: str) -> str:
    return "zh" if name.lower().startswith(("zh", "chinese")) else "en"


class Catalogue:
    """Chinese texts of an area, by the English ones of the code, as lines of a TOML file.

    `"{n} of {units} units" = "{units} 个单元中的 {n} 个"`: see `translation`. Texts that are not in
    the catalogue stay English.

    Parameters
    ----------
    package : str
        Package with the file.
    file : str
        Name of the file.
    *others : Catalogue
        Areas whose texts occur in texts of this one.
    """

    def __init__(self, package: str, file: str, *others: "Catalogue") -> None:
        self.package, self.file, self.others = package, file, others

    @cached_property
    def own(self) -> dict[str, str]:
        """Chinese texts of the file by English text."""
        import tomllib
        from importlib.resources import files

        return tomllib.loads(files(self.package).joinpath(self.file).read_text("utf-8"))

    @cached_property
    def words(self) -> dict[str, str]:
        """Chinese texts by English text, with those of the other areas."""
        words = dict(self.own)
        for other in self.others:
            words |= {known: new for known, new in other.words.items() if known not in words}
        return words

    @cached_property
    def in_chinese(self) -> Callable[[str], str]:
        """Function that translates a composed text."""
        return translation(self.words)

    def translated(self, text: str) -> str:
        """Translate a composed text into the language of texts."""
        return self.in_chinese(text) if language() == "zh" else text


# Texts of the errors of all packages.
ERRORS = Catalogue("handgrad.textbook", "errors.zh.toml")


def translation(words: Mapping[str, str]) -> Callable[[str], str]:
    """Return a function that translates a composed text by `words`, line by line.

    A field in them, `{name}`, `{}` or `{0}`, matches any text; one name twice matches one text.
    What it matches is translated too, but a single word of `{name}` stays: it may be a name in the
    data. `{n}`, `{m}` and `{k}` match numbers and dates only. The entry with the longest text that
    matches decides. Unknown texts stay.

    Examples
    --------
    >>> told = translation({"probability of {name}": "{name}的概率", "class {}": "类别 {}"})
    >>> told("probability of class 1"), told("Tanh()")
    ('类别 1的概率', 'Tanh()')
    """
    exact = {known: other.format() for known, other in words.items() if not FIELD.search(known)}
    patterns = sorted(
        ((FIELD.split(known)[::2], known) for known in words if known not in exact),
        key=lambda pattern: -len("".join(pattern[0])),
    )

    def translated(text: str) -> str:
        if "\n" in text:
            return "\n".join(map(translated, text.split("\n")))
        if text in exact:
            return exact[text]
        if (stripped := text.strip()) != text:
            return text.replace(stripped, translated(stripped)) if stripped else text
        for parts, known in patterns:
            if not text.startswith(parts[0]) or any(part not in text for part in parts):
                continue
            if match := _pattern(known).fullmatch(text):
                named = match.groupdict()
                by_position = (v for k, v in named.items() if k.startswith("_"))
                fields = {k: translated(v) if " " in v else v for k, v in named.items()}
                return words[known].format(*map(translated, by_position), **fields)
        return text

    return translated


@cache
def _pattern(known: str) -> re.Pattern[str]:
    """The pattern of an English text; fields without a name are `_0`, `_1`, …"""
    literals, names = FIELD.split(known)[::2], FIELD.findall(known)
    pattern, seen = re.escape(literals[0]), set[str]()
    for i, (name, literal) in enumerate(zip(names, literals[1:], strict=True)):
        name = f"_{name or i}" if not name or name.isdigit() else name
        matched = NUMBER if name in NUMBERS else TEXT
        pattern += f"(?P={name})" if name in seen else f"(?P<{name}>{matched})"
        pattern += re.escape(literal)
        seen.add(name)
    return re.compile(pattern)
