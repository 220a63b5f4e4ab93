"""Encodings of files of text, found out from their bytes."""

import codecs
from collections.abc import Iterable

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Only in the East do letters above 160 come in pairs.
IN_PAIRS = "gb18030"
OTHER_ENCODINGS = (("gb2312", IN_PAIRS), ("cp1252", "cp1252"), ("latin-1", "latin-1"))
GUESSED = ("cp1252", "latin-1", IN_PAIRS)
UNREAD = "\N{REPLACEMENT CHARACTER}"


def marked_encoding(head: bytes) -> str | None:
    """The encoding that a file's first bytes are the mark of, if they are one."""
    return next((name for mark, name in BYTE_ORDER_MARKS if head.startswith(mark)), None)


def encoding_of_text(blocks: Iterable[bytes]) -> str:
    """UTF-8 if all of it is; else by the first that is not, what it reads as."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for block in blocks:
        try:
            decoder.decode(block)
        except UnicodeDecodeError:
            return next(name for test, name in OTHER_ENCODINGS if reads(block, test))
    return "utf-8"


def reads(block: bytes, encoding: str) -> bool:
    """Whether a piece of a file reads in an encoding; a letter may be cut at its end."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(block)
    except UnicodeDecodeError:
        return False
    return True


def likely_encoding(text: bytes) -> str:
    """The encoding to try for a text without a mark: Chinese, if most of it is frequent characters.

    >>> likely_encoding("朱镕基".encode("gb18030")), likely_encoding("süß, café".encode("cp1252"))
    ('gb18030', 'cp1252')
    """
    read = [c for c in text.decode("gb2312", "replace") if c > "\x7f"]
    is_chinese = 2 * read.count(UNREAD) < len(read)
    return IN_PAIRS if is_chinese and reads(text, IN_PAIRS) else "cp1252"
