"""Names and texts: what they may hold, how they are stored, and which of them look alike."""

from __future__ import annotations

import csv
import io
import string
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bbws_access.kernel.texts import NAME, TEXT, TextRefused, harmless, normalised, skeleton

UNSEEN = [
    *range(0x00, 0x09),
    *(0x0B, 0x0C, *range(0x0E, 0x20), *range(0x7F, 0x85), *range(0x86, 0xA0)),
    *(0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810)),
    *(0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x2070)),
    *(0x3164, *range(0xFE00, 0xFE0E), 0xFEFF, 0xFFA0, *range(0xFFF0, 0xFFFD), 0xE000, 0xFDD0, 0xFFFE),
    *(0x1BCA0, 0x1D159, 0x1D173, *range(0xE0000, 0xE0080), 0xE0100, 0xE01EF, 0xF0000, 0x10FFFF),
]
LETTERS = st.characters(categories=["L", "N"], max_codepoint=0x2FFFF)
# What people write: letters with their marks, symbols, punctuation and blanks of every script.
SEEN = st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs"]), max_size=30)


def refused(value: str, kind: str) -> bool:
    try:
        normalised(value, kind)
    except TextRefused:
        return True
    return False


@pytest.mark.parametrize("kind", [NAME, TEXT])
class TestWhatNobodySees:
    def test_it_is_refused_wherever_it_stands(self, kind: str) -> None:
        for code in UNSEEN:
            sign = chr(code)
            for value in (f"Web{sign}team", f"{sign}Web", f"Web{sign}", f"Web {sign} team", f"\u00e9{sign}"):
                with pytest.raises(TextRefused, match=f"U\\+{code:04X}"):
                    normalised(value, kind)

    @given(st.characters(categories=["Cc", "Cf", "Cs", "Co", "Cn"], exclude_characters="\t\n\r\x85\u200c\u200d"))
    def test_no_format_control_or_unassigned_character(self, kind: str, sign: str) -> None:
        assert refused(f"a{sign}b", kind)

    def test_joiners_and_styles_where_they_do_nothing(self, kind: str) -> None:
        for sign in "\u200c\u200d\ufe0e\ufe0f":
            for value in (
                f"We{sign}b",
                f"{sign}Web",
                f"Web{sign}",
                f"a {sign}b",
                f"1{sign}",
                f"\u0645 {sign}",
                f"\u043f{sign}\u0440",
            ):
                assert refused(value, kind), ascii(value)

    def test_marks_without_letters_and_towers_of_marks(self, kind: str) -> None:
        for value in (
            "\u0301Web",
            "Web \u0332",
            "e\u0301\u0301",
            "a" + "\u0316\u0317\u0318\u0319\u031c",
            "\u1100",
            "e\u0323\u0323",
        ):
            assert refused(value, kind), ascii(value)
        assert refused("Web\n\u0332", TEXT)


@pytest.mark.parametrize("kind", [NAME, TEXT])
@pytest.mark.parametrize(
    "value",
    [
        "Zażółć gęślą jaźń",
        "Nguyễn Thị Ánh",
        "Ομάδα Ιστού",
        "Команда сайта",
        "צוות האתר שָׁלוֹם",
        "می\u200cخو\u0627\u0647م",  # Persian, with the non-joiner that its spelling asks for
        "क्\u200dष",  # Hindi, with a joiner behind a virama
        "ශ්\u200dරී ලංකා",
        "ക്\u200d",
        "สวัสดีครับ",
        "བསྒྲུབས་པ",
        "မြန်မာ",
        "한국어 팀",
        "日本語チーム・開発",
        "Ωmega ∑ £5 \u2013 “A&B” (R&D) #1 50 %",
        "👩\u200d💻 🏳\ufe0f\u200d🌈 ❤\ufe0f 1\ufe0f\u20e3 🇿🇦 👍🏽 🙂\u200d↔\ufe0f",
    ],
)
def test_real_languages_and_emoji_are_kept(kind: str, value: str) -> None:
    if value.endswith("\u200d"):
        value += "മ"
    assert normalised(value, kind) == unicodedata.normalize("NFC", value)
    assert normalised(unicodedata.normalize("NFD", value), kind) == normalised(value, kind)


class TestNames:
    @given(SEEN)
    def test_what_is_stored_is_stored_again_as_it_is(self, value: str) -> None:
        assume(not refused(value, NAME))
        stored = normalised(value, NAME)
        assert normalised(stored, NAME) == stored
        assert unicodedata.is_normalized("NFC", stored)
        assert stored == stored.strip()
        assert "  " not in stored
        assert stored.isprintable() or any(sign in stored for sign in "\u200c\u200d")

    @given(LETTERS, LETTERS)
    def test_both_forms_of_a_letter_are_one_name(self, one: str, two: str) -> None:
        assume(not refused(one + two, NAME))
        stored = normalised(one + two, NAME)
        for form in ("NFC", "NFD"):
            assert normalised(unicodedata.normalize(form, one + two), NAME) == stored

    @pytest.mark.parametrize("value", ["", " ", "\u00a0\u2003", "\u2800", "\u3000 \u2800"])
    def test_something_has_to_be_seen(self, value: str) -> None:
        with pytest.raises(TextRefused, match="be seen"):
            normalised(value, NAME)

    def test_blanks(self) -> None:
        assert normalised("\u2003 Web\u00a0\u3000 team\u2800", NAME) == "Web team"

    @pytest.mark.parametrize("end", ["\n", "\r", "\t", "\u0085", "\u2028", "\u2029", "\v", "\f"])
    def test_one_line(self, end: str) -> None:
        assert refused(f"Web{end}team", NAME)


class TestTexts:
    def test_lines_end_in_one_way(self) -> None:
        assert normalised(" a\r\nb\rc\u2028d\u2029e\u0085f\n\ng\t1 ", TEXT) == "a\nb\nc\nd\ne\nf\n\ng\t1"
        assert refused("a\vb", TEXT)

    def test_nothing_is_something(self) -> None:
        assert normalised("", TEXT) == normalised(" \n ", TEXT) == ""

    @given(SEEN)
    def test_what_is_stored_is_stored_again_as_it_is(self, value: str) -> None:
        assume(not refused(value, TEXT))
        stored = normalised(value, TEXT)
        assert normalised(stored, TEXT) == stored


class TestSkeleton:
    @pytest.mark.parametrize(
        "alike",
        [
            [
                "Web team",
                "WEB TEAM",
                "Web  team",
                "\uff57\uff45\uff42\u3000\uff54\uff45\uff41\uff4d",
                "\U0001d416\U0001d41e\U0001d41b \U0001d42d\U0001d41e\U0001d41a\U0001d426",
                "W\u0435b t\u0435am",
                "Web te\u0430m",
            ],
            ["Café", "Cafe\u0301", "CAFÉ"],
            ["Board", "\u0412oard", "B\u043eard", "B\u03bfard"],
            ["\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u062e"],
            ["❤ us", "❤\ufe0f us"],
            ["ﬁnance", "finance"],
            ["A-B", "A\u2013B", "A\u2014B", "A\u2212B", "A\u2010B"],
            ["O'Neil", "O\u2019Neil", "O\u02bcneil"],
            ["O'Brien", "O\u00b4Brien", "O\u05f3Brien", "O\ua78cBrien", "O\u02bbBrien"],
            ['6" pipes', "6\u2033 pipes"],
            ["Admin", "Admi\u0307n", "Adm\u0456\u0307n", "ADM\u0130N"],
            ["Ajax", "Aj\u0307ax"],
            ["V\u1ecbp", "Vi\u0323\u0307p"],
            ["V\u00e1clav", "V\u0430\u0301clav"],
            ["Sucow", "\ua731\u1d1c\u1d04\u1d0f\u1d21"],
            ["Hi!", "Hi\u01c3"],
            ["A/B: C-D|E", "A\u2215B\u2236 C\u2043D\u01c0E", "A\u2044B\ua789 C\u05beD|E"],
            ["Cold", "\u03f9old", "\u03f2old"],
            ["Straße", "STRASSE"],
            ["①", "1"],
        ],
        ids=lambda alike: ascii(alike[0]),
    )
    def test_names_that_look_alike(self, alike: list[str]) -> None:
        assert len({skeleton(one) for one in alike}) == 1

    @given(st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8))
    def test_plain_names_stay_apart(self, name: str) -> None:
        assert skeleton(name) == name

    def test_other_names_stay_apart(self) -> None:
        names = [
            "Café",
            "Cafe",
            "Team 1",
            "Team 2",
            "Équipe",
            "Команда",
            "Komanda",
            "한국",
            "日本",
            "A+B",
            "A B",
            "é",
            "è",
            "ż",
            "z",
            "i\u0301\u0307",
            "í",
        ]
        assert len({skeleton(one) for one in names}) == len(names)

    @given(SEEN)
    def test_it_fits_a_key(self, value: str) -> None:
        assume(not refused(value, NAME))
        stored = normalised(value, NAME)
        found = skeleton(stored)
        assert found
        assert "#" not in found
        assert skeleton(found) == found or len(found.encode()) > 400
        assert skeleton(stored.upper()) == skeleton(stored.lower()) or not stored.isascii()

    def test_however_long_its_forms_are(self) -> None:
        long = "\ufdfa" * 100  # each is 18 characters in its compatibility form
        assert len(skeleton(long).encode()) < 700
        assert skeleton(long) != skeleton(long[:-1])
        assert "#" not in skeleton("Web \uff03\ufe5f1")


class TestHarmless:
    @pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "\uff1d", "\t=", "+="])
    def test_what_begins_like_a_formula(self, start: str) -> None:
        assert harmless(f"{start}1") == f"'{start}1"
        assert harmless(f"a{start}1") == f"a{start}1"

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("", ""),
            ("a+b@acme.example", "a+b@acme.example"),
            ("a-b = c", "a-b = c"),
            ("two\nlines; or more", "two\nlines; or more"),
            ("x;=1+1", "x;'=1+1"),
            ('x;"=1+1', "x;'\"=1+1"),
            ("x\r\n=1", "x\r\n'=1"),
            ("\r=1", "'\r'=1"),
        ],
    )
    def test_what_is_one_for_whoever_separates_by_semicolons(self, text: str, shown: str) -> None:
        assert harmless(text) == shown

    @pytest.mark.parametrize("delimiter", [",", ";"])
    @given(cells=st.lists(st.text('=+-@;,"\n\r\t a', max_size=8), min_size=1, max_size=3))
    def test_however_it_is_read(self, delimiter: str, cells: list[str]) -> None:
        """Behind a number, as in our reports."""
        file = io.StringIO(newline="")
        csv.writer(file).writerow([1, *map(harmless, cells)])
        file.seek(0)
        for row in csv.reader(file, delimiter=delimiter):
            assert not any(cell.lstrip(" ").startswith(("=", "+", "-", "@")) for cell in row), row
