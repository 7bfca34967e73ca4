"""GSM 03.38, UCS-2, and the parts of a text."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickasync.encoding import (
    TextInfo,
    count_parts,
    gsm_decode,
    gsm_encode,
    inspect_text,
    is_gsm,
    septets,
    split,
    ucs2_decode,
    ucs2_encode,
    utf16_units,
)

# The default alphabet of GSM 03.38 as the standard's table has it, a row for each high nibble.
ALPHABET: Final = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
EXTENSION: Final = "^{}\\[~]|€\f"
ESCAPE: Final = "\x1b"
GSM_CHARACTERS: Final = ALPHABET.replace(ESCAPE, "") + EXTENSION
EMOJI: Final = "😀"

gsm_texts = st.text(GSM_CHARACTERS)
long_gsm_texts = st.text(GSM_CHARACTERS + EXTENSION * 4, min_size=100, max_size=700)
unicode_texts = st.text(st.characters(codec="utf-8"))
long_unicode_texts = st.text(st.sampled_from("aЖ你😀🏳"), min_size=40, max_size=300)


@pytest.mark.parametrize(("code", "char"), list(enumerate(ALPHABET)))
def test_every_character_of_the_alphabet_has_its_septet(code: int, char: str) -> None:
    if char == ESCAPE:
        assert not is_gsm(char)
    else:
        assert gsm_encode(char) == bytes([code])
        assert septets(char) == 1


@pytest.mark.parametrize(
    ("char", "code"),
    [
        ("\f", 0x0A),
        ("^", 0x14),
        ("{", 0x28),
        ("}", 0x29),
        ("\\", 0x2F),
        ("[", 0x3C),
        ("~", 0x3D),
        ("]", 0x3E),
        ("|", 0x40),
        ("€", 0x65),
    ],
)
def test_an_extension_character_is_an_escape_and_its_code(char: str, code: int) -> None:
    assert gsm_encode(char) == bytes([0x1B, code])
    assert septets(char) == 2


@given(gsm_texts)
def test_gsm_text_comes_back_as_it_was(text: str) -> None:
    assert is_gsm(text)
    assert gsm_decode(gsm_encode(text)) == text
    assert len(gsm_encode(text)) == septets(text)


@given(unicode_texts)
def test_unicode_text_comes_back_as_it_was(text: str) -> None:
    assert ucs2_decode(ucs2_encode(text)) == text
    assert len(ucs2_encode(text)) == 4 * utf16_units(text)


@given(unicode_texts)
def test_what_is_gsm_can_be_encoded_and_what_is_not_is_refused(text: str) -> None:
    assert is_gsm(text) == all(char in GSM_CHARACTERS for char in text)
    if not is_gsm(text):
        with pytest.raises(ValueError, match=r"is not in GSM 03\.38"):
            gsm_encode(text)


@given(st.binary())
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    try:
        text = gsm_decode(data)
    except ValueError:
        assert any(octet > 0x7F for octet in data) or b"\x1b\x1b" in data or data.endswith(b"\x1b")
    else:
        assert all(char in GSM_CHARACTERS for char in text)


def test_an_unknown_escape_sequence_reads_as_its_second_septet() -> None:
    assert gsm_decode(b"\x1bA") == "A"


@pytest.mark.parametrize("data", [b"a\x1b", b"\x1b\x1b", b"\x80", b"\x1b\xff"])
def test_what_is_no_septets_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"escape|septet"):
        gsm_decode(data)


def test_the_vendors_unicode_examples() -> None:
    assert ucs2_encode("你好") == "4F60597D"
    assert ucs2_encode("ΩΨΘ") == "03A903A80398"
    assert ucs2_decode("4F60597D") == "你好"
    assert ucs2_decode("03a903a80398") == "ΩΨΘ"


def test_the_vendors_greek_example_needs_no_unicode() -> None:
    assert is_gsm("ΩΨΘ")
    assert not is_gsm("Ж")
    assert not is_gsm("你")


@pytest.mark.parametrize("data", ["4F6", "4F", "XY00", "D83D", "DE00D83D"])
def test_what_is_no_ucs2_hex_is_refused(data: str) -> None:
    with pytest.raises(ValueError):
        ucs2_decode(data)


def test_half_of_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        ucs2_encode("\ud83d")


def test_an_emoji_is_two_utf16_units() -> None:
    assert utf16_units(EMOJI) == 2
    assert utf16_units("Ж") == 1
    assert utf16_units("plain") == 5


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("a" * 459, 3),
        ("a" * 460, 4),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 158 + "€", 1),
        ("a" * 159 + "€", 2),
        ("€" * 152, 2),  # 153 is odd: 76 fit in a part, with a septet to spare
        ("€" * 153, 3),
    ],
)
def test_the_parts_of_a_gsm_text(text: str, parts: int) -> None:
    assert count_parts(text, unicode=False) == len(split(text, unicode=False)) == parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Ж" * 70, 1),
        ("Ж" * 71, 2),
        ("Ж" * 134, 2),
        ("Ж" * 135, 3),
        (EMOJI * 35, 1),
        (EMOJI * 36, 2),
        ("Ж" * 68 + EMOJI, 1),
        ("Ж" * 69 + EMOJI, 2),
        (EMOJI * 66, 2),  # 67 is odd: 33 fit in a part, with a unit to spare
        (EMOJI * 67, 3),
        ("a" * 70, 1),
        ("a" * 71, 2),
    ],
)
def test_the_parts_of_a_unicode_text(text: str, parts: int) -> None:
    assert count_parts(text, unicode=True) == len(split(text, unicode=True)) == parts


@pytest.mark.parametrize("char", EXTENSION)
def test_an_extension_character_at_the_border_moves_on(char: str) -> None:
    assert split("a" * 152 + char + "b" * 10, unicode=False) == ["a" * 152, char + "b" * 10]
    assert split("a" * 151 + char + "b" * 10, unicode=False) == ["a" * 151 + char, "b" * 10]


def test_an_emoji_at_the_border_moves_on() -> None:
    assert split("Ж" * 66 + EMOJI + "Ж" * 5, unicode=True) == ["Ж" * 66, EMOJI + "Ж" * 5]
    assert split("Ж" * 65 + EMOJI + "Ж" * 5, unicode=True) == ["Ж" * 65 + EMOJI, "Ж" * 5]


@given(gsm_texts | long_gsm_texts)
def test_gsm_parts_join_to_the_text_and_fit(text: str) -> None:
    parts = split(text, unicode=False)
    assert "".join(parts) == text
    limit = 160 if len(parts) == 1 else 153
    assert all(len(gsm_encode(part)) <= limit for part in parts)
    assert count_parts(text, unicode=False) == len(parts)


@given(unicode_texts | long_unicode_texts | long_gsm_texts)
def test_unicode_parts_join_to_the_text_and_fit(text: str) -> None:
    parts = split(text, unicode=True)
    assert "".join(parts) == text
    limit = 70 if len(parts) == 1 else 67
    assert all(len(ucs2_encode(part)) <= 4 * limit for part in parts)  # a cut pair could not be encoded
    assert count_parts(text, unicode=True) == len(parts)


@given(long_gsm_texts)
def test_no_part_leaves_room_for_what_the_next_one_begins_with(text: str) -> None:
    parts = split(text, unicode=False)
    for part, following in pairwise(parts):
        assert septets(part + following[0]) > 153


# -- what a text takes


def test_one_curly_quote_doubles_the_price() -> None:
    plain, curly = "Don't miss it! " * 8, "Don’t miss it! " * 8
    assert inspect_text(plain) == TextInfo("GSM", 120, 120, 1, 160, ())
    assert inspect_text(curly) == TextInfo("Unicode", 120, 120, 2, 67, ("’",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", TextInfo("GSM", 0, 0, 1, 160, ())),
        ("a" * 160, TextInfo("GSM", 160, 160, 1, 160, ())),
        ("a" * 161, TextInfo("GSM", 161, 161, 2, 153, ())),
        ("€10", TextInfo("GSM", 3, 4, 1, 160, ())),
        ("ΩΨΘ", TextInfo("GSM", 3, 3, 1, 160, ())),
        ("жЖж你", TextInfo("Unicode", 4, 4, 1, 70, ("ж", "Ж", "你"))),
        (EMOJI * 35, TextInfo("Unicode", 35, 70, 1, 70, (EMOJI,))),
        (EMOJI * 36, TextInfo("Unicode", 36, 72, 2, 67, (EMOJI,))),
    ],
)
def test_what_a_text_takes(text: str, expected: TextInfo) -> None:
    assert inspect_text(text) == expected


@pytest.mark.parametrize(
    ("text", "characters"),
    [
        ("e\u0301", 1),  # é, in two code points
        ("👨\u200d👩\u200d👧\u200d👦", 1),
        ("👍🏽👍", 2),
        ("🇿🇦🇬🇧", 2),
        ("🇿🇦 🇬", 3),
        ("❤\ufe0f!", 2),
        ("1\ufe0f\u20e3", 1),
        ("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", 1),
        ("\u1100\u1161\u11a8", 1),  # 각, in three code points
        ("a\r\nb", 3),
        ("\n\u0301", 2),
        ("\u0301", 1),
        ("a\u200db", 2),
    ],
)
def test_characters_are_counted_as_people_count_them(text: str, characters: int) -> None:
    assert inspect_text(text).characters == characters


@given(unicode_texts | long_gsm_texts | long_unicode_texts)
def test_a_text_is_inspected_as_it_is_sent(text: str) -> None:
    info = inspect_text(text)
    unicode = not is_gsm(text)
    assert (info.alphabet == "Unicode") == unicode == bool(info.unicode_because)
    assert info.parts == count_parts(text, unicode=unicode)
    assert info.units == sum(septets(char) if not unicode else utf16_units(char) for char in text)
    assert info.units <= info.parts * info.per_part
    assert info.characters <= len(text)
    assert (info.characters == 0) == (text == "")
    assert is_gsm("".join(char for char in text if char not in info.unicode_because))


def test_half_of_a_surrogate_pair_cannot_be_inspected() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        inspect_text("Hi \ud83d")
