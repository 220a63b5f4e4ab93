"""Encodings of text files, inferred from their bytes."""

import codecs
from collections.abc import Iterable

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Bytes above 160 come in pairs only in East Asian encodings.
IN_PAIRS = "gb18030"
OTHER_ENCODINGS = (("gb2312", IN_PAIRS), ("cp1252", "cp1252"), ("latin-1", "latin-1"))
GUESSED = ("cp1252", "latin-1", IN_PAIRS)
UNREAD = "\N{REPLACEMENT CHARACTER}"


def marked_encoding(head: bytes) -> str | None:
    """Encoding of a file's byte order mark, or None."""
    return next((name for mark, name in BYTE_ORDER_MARKS if head.startswith(mark)), None)


def encoding_of_text(blocks: Iterable[bytes]) -> str:
    """UTF-8 if all blocks are; else the encoding of the first block that is not."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for block in blocks:
        try:
            decoder.decode(block)
        except UnicodeDecodeError:
            return next(name for test, name in OTHER_ENCODINGS if reads(block, test))
    return "utf-8"


def reads(block: bytes, encoding: str) -> bool:
    """Return True if a block decodes; a character may be cut off at its end."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(block)
    except UnicodeDecodeError:
        return False
    return True


def likely_encoding(text: bytes) -> str:
    """Likely encoding of text without a mark: Chinese if most characters are frequent ones.

    >>> likely_encoding("朱镕基".encode("gb18030")), likely_encoding("süß, café".encode("cp1252"))
    ('gb18030', 'cp1252')
    """
    read = [c for c in text.decode("gb2312", "replace") if c > "\x7f"]
    is_chinese = 2 * read.count(UNREAD) < len(read)
    return IN_PAIRS if is_chinese and reads(text, IN_PAIRS) else "cp1252"
