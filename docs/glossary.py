"""The pages of the glossary, written from docs/glossary.toml: `python -m docs.glossary`."""

import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
GLOSSARY: dict[str, Any] = tomllib.loads((HERE / "glossary.toml").read_text("utf-8"))
PAGES = {"en": HERE / "glossary.md", "zh": HERE / "zh" / "glossary.md"}
HEADS = {
    "en": """\
# Glossary

The terms of handgrad's documents, messages and pages, in English and Chinese.

| English | Chinese | Meaning |
|---|---|---|
""",
    "zh": """\
# 术语表

handgrad 的文档、提示和网页所用的术语，中英对照；译名与《动手学深度学习》一致。

| 中文 | 英文 | 含义 |
|---|---|---|
""",
}


def page(language: str) -> str:
    """The glossary's page in a language, in the order of its terms."""
    keys = ("en", "zh", "means") if language == "en" else ("zh", "en", "means_zh")
    rows = sorted([term[key] for key in keys] for term in GLOSSARY["term"])
    if language == "en":
        rows.sort(key=lambda row: row[0].lower())
    return HEADS[language] + "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    for language, path in PAGES.items():
        path.write_text(page(language), encoding="utf-8", newline="\n")
