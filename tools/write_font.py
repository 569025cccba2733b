"""Make the Chinese font that the reports bring along, from a full Noto Sans CJK SC.

The reports must show Chinese on a machine without a Chinese font and without a network, in Matplotlib
(which reads no WOFF) and in a browser.  So one static OpenType file is shipped, cut down to GB 2312
(6,763 characters and its punctuation) plus Latin, Greek, arrows and the mathematical signs that
labels use.  Layout tables for vertical text and hinting are dropped.

    python tools/write_font.py NotoSansCJKsc-Regular.otf reports/assets/QushiSansSC-Regular.otf

The SIL Open Font License reserves no font name for Noto, but a changed font says so in its name.
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

FAMILY = "Qushi Sans SC"
NAME_IDS = {
    1: FAMILY,
    3: f"{FAMILY} subset of Noto Sans CJK SC",
    4: FAMILY,
    6: "QushiSansSC-Regular",
    16: FAMILY,
}
OTHER = (
    *range(0x20, 0x7F),  # ASCII
    *range(0xA0, 0x180),  # Latin-1 and Latin Extended-A
    *range(0x391, 0x3CA),  # Greek
    *range(0x2010, 0x2027),  # dashes, quotes, ellipsis
    *(0x2030, 0x2032, 0x2033, 0x203B, 0x20AC, 0x2116, 0x2122),
    *range(0x2190, 0x2194),  # arrows
    *(0x2206, 0x2212, 0x2211, 0x221A, 0x221E, 0x2248, 0x2260, 0x2264, 0x2265, 0x25B2, 0x25BC, 0x25CF),
    *range(0x3000, 0x3012),  # CJK punctuation
    *range(0xFF01, 0xFF5F),  # full-width forms
    0xFFE5,
)


def characters() -> set[int]:
    """Code points kept: GB 2312 in full, and the others above."""
    kept = set(OTHER)
    for high in range(0xA1, 0xF8):
        for low in range(0xA1, 0xFF):
            try:
                kept.add(ord(bytes((high, low)).decode("gb2312")))
            except UnicodeDecodeError:
                continue  # an unassigned position of the table
    return kept


def cut(source: Path, target: Path) -> None:
    """Write the subset of `source` to `target`."""
    options = subset.Options()
    options.hinting = False
    options.layout_features = ["kern", "palt"]
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    options.name_languages = [0x409]
    options.notdef_outline = True
    options.drop_tables += ["vhea", "vmtx", "VORG", "BASE", "GSUB", "DSIG"]
    font = TTFont(source, recalcTimestamp=False)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=characters())
    subsetter.subset(font)
    for record in font["name"].names:
        if record.nameID in NAME_IDS:
            record.string = NAME_IDS[record.nameID]
    top = font["CFF "].cff
    top.fontNames = [NAME_IDS[6]]
    font.save(target)


if __name__ == "__main__":
    cut(Path(sys.argv[1]), Path(sys.argv[2]))
