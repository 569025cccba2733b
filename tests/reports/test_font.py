import base64
import io
import re

from fontTools.pens.recordingPen import RecordingPen
from fontTools.ttLib import TTFont

from qushi.core.result import REASON_WORDS
from qushi.reports.font import FAMILY, PATH, font_face
from qushi.reports.words import COLUMNS, WORDS


def embedded(rule: str) -> TTFont:
    data = re.search(r"data:font/woff;base64,([^)]+)\)", rule)
    assert data
    return TTFont(io.BytesIO(base64.b64decode(data[1])))


def test_font_face_holds_exactly_the_characters_asked():
    cmap = embedded(font_face("恐慌 p<0.05")).getBestCmap()
    assert set(map(chr, cmap)) == set("恐慌 p<0.05")


def test_font_face_leaves_unknown_characters_to_the_reader():
    cmap = embedded(font_face("恐\U0002a6d6")).getBestCmap()
    assert set(map(chr, cmap)) == set("恐 ")


def test_font_face_draws_each_character_as_the_whole_font_does():
    def drawn(font: TTFont, character: str) -> tuple[object, ...]:
        pen, name = RecordingPen(), font.getBestCmap()[ord(character)]
        font.getGlyphSet()[name].draw(pen)
        return (tuple(pen.value), font["hmtx"][name], font["hhea"].ascent, font["hhea"].descent)

    part, whole = embedded(font_face("恐慌 panic 50 %")), TTFont(PATH)
    for character in "恐慌panic50%":
        assert drawn(part, character) == drawn(whole, character)


def test_font_face_of_equal_text_is_equal():
    assert font_face("趋势 trend") == font_face("trend 趋势")


def test_font_face_of_a_page_is_small():
    assert len(font_face("".join(chr(c) for c in range(0x4E00, 0x4E00 + 300)))) < 120_000


def test_font_draws_different_characters_differently():
    font = TTFont(PATH)
    names = font.getBestCmap()
    charstrings = font["CFF "].cff[0].CharStrings
    shapes = set()
    for character in "趋势恐慌涨跌":
        charstring = charstrings[names[ord(character)]]
        charstring.decompile()
        shapes.add(str(charstring.program))
    assert len(shapes) == 6


def test_font_covers_gb2312_and_every_word_of_the_pages():
    known = TTFont(PATH).getBestCmap()
    level_one = {bytes((h, lo)).decode("gb2312") for h in range(0xB0, 0xD7) for lo in range(0xA1, 0xFA)}
    words = [
        *WORDS.values(),
        *REASON_WORDS.values(),
        *(said for pair in COLUMNS.values() for said in pair),
    ]
    written = set("".join(said.en + said.zh for said in words))
    assert [c for c in level_one | written if ord(c) not in known] == []


def test_font_is_small_and_says_what_it_is():
    font = TTFont(PATH)
    assert PATH.stat().st_size < 2_000_000
    assert font["name"].getDebugName(1) == FAMILY
    assert "Open Font License" in font["name"].getDebugName(13)
    assert (PATH.parent / "LICENSE-OFL.txt").is_file()
    assert PATH.name in (PATH.parent / "PROVENANCE.md").read_text(encoding="utf-8")
