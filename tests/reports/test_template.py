"""What pages are put together from: JSON inside a script, and glyphs for what is on the page."""

import base64
import io
import json
import re

from fontTools.ttLib import TTFont

from qushi.reports.template import library, script_json, with_font


def glyphs(page):
    encoded = re.search(r"base64,([^)]+)\)", page)[1]
    return set(TTFont(io.BytesIO(base64.b64decode(encoded))).getBestCmap())


def test_json_cannot_end_its_script_and_reads_back():
    data = {"text": "</script><!-- \u2028 \u2029 & 恐慌"}
    text = script_json(data)
    assert "<" not in text
    assert "\u2028" not in text
    assert json.loads(text) == data


def test_library_cannot_end_its_script():
    assert "</script" not in library().lower()


def test_font_has_our_characters_and_the_most_frequent_of_strangers():
    strangers = "慌慌慌恐恐乱"
    page = f"/*qushi:font*/ 指数 {strangers}"
    assert {ord(c) for c in "指数恐慌乱"} <= glyphs(with_font(page, strangers))
    two = glyphs(with_font(page, strangers, most=2))
    assert {ord(c) for c in "指数恐慌"} <= two
    assert ord("乱") not in two


def test_font_keeps_our_character_that_a_stranger_wrote_rarely():
    page = "/*qushi:font*/ 指数乱 慌慌乱"
    assert ord("乱") in glyphs(with_font(page, "慌慌乱", most=1))
