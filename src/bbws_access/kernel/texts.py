"""Names and texts that people write for others: how they are stored, what they cannot hold, which look alike.

The rule follows PRECIS, the Nickname profile (RFC 8266) and its FreeformClass (RFC 8264, RFC 8265); what differs is in
docs/decisions/0022-names-and-texts.md.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

NAME, TEXT = "name", "text"  # one line, or several

_LINE_ENDS = re.compile("\r\n?|[\u0085\u2028\u2029]")
_SPACES = re.compile(" +")
# Where a spreadsheet begins to read a formula. Where numbers have a comma it takes semicolons for what separates cells,
# and then quotation marks hold together neither a cell with a semicolon in it nor one of several lines.
_STARTS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
_FORMULA = re.compile(rf"^(?= *[{_STARTS}\t\r\n])|(?<=[;\r\n])(?=[ \"]*[{_STARTS}])")
_BRAILLE_BLANK = "\u2800"
_ZWNJ, _ZWJ = "\u200c", "\u200d"
_TEXT_STYLE, _EMOJI_STYLE = "\ufe0e", "\ufe0f"
_KEYCAP = "\u20e3"
_KEYS = frozenset("0123456789#*")
_STYLED_PUNCTUATION = frozenset("\u203c\u2049\u3030")
_VIRAMA = 9  # combining class
# Scripts whose letters join, as the names of their characters begin.
_CURSIVE = frozenset(["ADLAM", "ARABIC", "CHORASMIAN", "HANIFI", "MANDAIC", "MANICHAEAN", "MONGOLIAN", "NKO"])
_CURSIVE |= frozenset(["PHAGS-PA", "PSALTER", "SOGDIAN", "SYRIAC"])
_MOST_MARKS = 4  # one over the other, as UTS 39 bounds them: more hide the lines around
# Nothing to see, though their categories say letter, mark or symbol: Default_Ignorable_Code_Point, and blanks.
_UNSEEN = (
    (0x034F, 0x034F),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFFA0, 0xFFA0),
    (0xFFFC, 0xFFFC),
    (0x13441, 0x13446),
    (0x16FE4, 0x16FE4),
    (0x1D159, 0x1D159),
    (0xE0000, 0xE0FFF),
)
# Line and paragraph separators, controls, formats, surrogates, private use, unassigned.
_REFUSED = frozenset(["Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn"])
# Parts of Hangul syllables that NFC did not put together: several of them look like one (RFC 8264, 9.9).
_OLD_JAMO = ((0x1100, 0x11FF), (0xA960, 0xA97C), (0xD7B0, 0xD7C6), (0xD7CB, 0xD7FB))

# Letters of other scripts, in lower case, that are drawn like a Latin one in one of their cases, and small capitals;
# strokes, quotes, colons, slashes.
_TWINS = str.maketrans(
    "\u0430\u0432\u0435\u0451\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0456\u0457\u0458\u0455\u04bb\u0501"
    "\u051b\u051d\u0475\u04c0\u04cf\u04af\u0432\u0261\u0251\u0131"
    "\u03b1\u03b2\u03b5\u03b6\u03b7\u03b9\u03ba\u03bc\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u03f3"
    "\u0585\u057d\u0578\u0570\u0566\u0581"
    "\u1d04\u1d0f\ua731\u1d1c\u1d20\u1d21\u1d22"
    "\u2010\u2012\u2013\u2014\u2015\u2212\u02d7\u2043\u05be"
    "\u2018\u2019\u201b\u02bc\u02b9\u02bb\u02bd\u2032\u05f3\ua78c\u0060\u201c\u201d\u201f\u05f4"
    "\u01c3\u01c0\u2044\u2215\u02d0\u2236\ua789",
    "abeekmhopctyxiijshdqwvllybgaiabezhikmvoptyxjounhqgcosuvwz---------'''''''''''\"\"\"\"!|//:::",
)
_TWINS_OF_FORMS = str.maketrans("\u00b4\u2033\u03f2\u03f9", "'\"cc")  # what compatibility forms make something else of
_DOT_ABOVE, _ABOVE = "\u0307", 230  # combining class
_LONGEST_SKELETON = 512  # bytes; a sort key holds 1,024


def harmless(text: str) -> str:
    """A text as a cell of CSV, so that no spreadsheet that opens it takes it, or a part of it, for a formula."""
    return _FORMULA.sub("'", text)


class TextRefused(ValueError):
    """What a name or text cannot hold. The message says which character and never the text."""


def normalised(value: str, kind: str) -> str:
    """A name (NAME) or text (TEXT) as it is stored. Raises TextRefused."""
    if kind == TEXT:
        value = _LINE_ENDS.sub("\n", value)
    value = unicodedata.normalize("NFC", value)
    if not value.isascii() or not value.isprintable():
        value = "".join(_checked(value, allowed="\n\t" if kind == TEXT else ""))
        _check_marks(unicodedata.normalize("NFD", value))
    if kind == TEXT:
        return value.strip()
    value = _SPACES.sub(" ", value).strip(" ")
    if not any(unicodedata.category(sign)[0] in "LNPS" for sign in value):
        raise TextRefused("must hold something that can be seen")
    return value


@lru_cache(maxsize=1024)
def skeleton(name: str) -> str:
    """What a name looks like, as a part of a key: the same for names that people cannot tell apart.

    Case, compatibility forms, joiners and emoji styles make no difference, nor do letters of other scripts that are
    drawn like Latin ones.
    """
    forms = unicodedata.normalize("NFKC", name.translate(_TWINS_OF_FORMS))
    folded = unicodedata.normalize("NFKC", forms.casefold())
    kept = "".join(sign for sign in folded if sign not in (_ZWNJ, _ZWJ) and not _is_unseen(ord(sign)))
    found = " ".join(_drawn(kept.translate(_TWINS)).replace(_BRAILLE_BLANK, " ").split()).replace("#", "\uff03")
    encoded = found.encode()
    if 0 < len(encoded) <= _LONGEST_SKELETON:
        return found
    return (
        f"{encoded[:_LONGEST_SKELETON].decode(errors='ignore')}~{hashlib.sha256((found or name).encode()).hexdigest()}"
    )


def _drawn(text: str) -> str:
    """A text without the dots that i and j have anyway; each letter and its marks in one form, whatever it was."""
    kept, base = [], ""
    for sign in unicodedata.normalize("NFD", text):
        place = unicodedata.combining(sign)
        if sign == _DOT_ABOVE and base in ("i", "j"):
            continue
        if not place or place == _ABOVE:
            base = "" if place else sign  # a dot above another mark is one more to see
        kept.append(sign)
    return unicodedata.normalize("NFC", "".join(kept))


def _checked(value: str, allowed: str) -> Iterator[str]:
    """The characters of a text, blanks as spaces. Raises TextRefused."""
    for position, sign in enumerate(value):
        category = unicodedata.category(sign)
        if category == "Zs" or sign == _BRAILLE_BLANK:
            yield " "
            continue
        if sign not in allowed and not _is_seen(value, position, sign, category):
            raise TextRefused(f"cannot hold {_called(sign)}")
        yield sign


def _is_seen(value: str, position: int, sign: str, category: str) -> bool:
    """Whether a character shows, or what it does to its neighbours."""
    if sign in (_ZWNJ, _ZWJ):
        return _joins(value, position, sign)
    if sign in (_TEXT_STYLE, _EMOJI_STYLE):
        return _styles(value, position)
    if category in _REFUSED:
        return False
    code = ord(sign)
    return not _is_unseen(code) and not _within(code, _OLD_JAMO)


def _joins(value: str, position: int, sign: str) -> bool:
    """Whether a joiner is where languages (RFC 5892, A.1 and A.2) or emoji need one."""
    before, after = _around(value, position)
    if not before or not after:
        return False
    if unicodedata.combining(before) == _VIRAMA or (_is_cursive(before) and _is_cursive(after)):
        return True
    emoji = before == _EMOJI_STYLE or unicodedata.category(before) in ("So", "Sk")
    return sign == _ZWJ and emoji and unicodedata.category(after) in ("So", "Sm")


def _styles(value: str, position: int) -> bool:
    """Whether what stands before has a style as text and another as emoji."""
    before, after = _around(value, position)
    if not before:
        return False
    return (
        unicodedata.category(before) in ("So", "Sm")
        or before in _STYLED_PUNCTUATION
        or (before in _KEYS and after == _KEYCAP)
    )


def _around(value: str, position: int) -> tuple[str, str]:
    return value[position - 1] if position else "", value[position + 1 : position + 2]


def _check_marks(value: str) -> None:
    """Marks stand on something, few of them, and none twice. Raises TextRefused."""
    marks: list[str] = []
    before = " "
    for sign in value:
        category = unicodedata.category(sign)
        if category[0] == "M" and sign not in (_TEXT_STYLE, _EMOJI_STYLE):
            if before in " \n\t":
                raise TextRefused(f"cannot hold {_called(sign)} without a letter under it")
            if category in ("Mn", "Me"):
                if sign in marks[-1:] or len(marks) == _MOST_MARKS:
                    raise TextRefused(f"cannot hold {_called(sign)} over so many other marks, or twice")
                marks.append(sign)
        elif sign not in (_ZWNJ, _ZWJ):
            marks = []
        before = sign


def _is_cursive(sign: str) -> bool:
    return unicodedata.category(sign)[0] in "LM" and unicodedata.name(sign, "").partition(" ")[0] in _CURSIVE


def _is_unseen(code: int) -> bool:
    return _within(code, _UNSEEN)


def _within(code: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= code <= last for first, last in ranges)


def _called(sign: str) -> str:
    name = unicodedata.name(sign, "")
    return f"the character U+{ord(sign):04X}{f' {name}' if name else ''}"
