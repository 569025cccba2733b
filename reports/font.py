"""The Chinese font that pages and charts bring along.

A machine without a Chinese font draws boxes, and a report may be opened on any machine, so nothing is
hoped for: `assets/QushiSansSC-Regular.otf` (Noto Sans CJK SC cut down to GB 2312 and Latin, SIL Open
Font License; made by `tools/write_font.py`) lies beside this file.  A page carries only the glyphs of
its own characters, as WOFF inside a `data:` address: some 40 KB instead of 1.6 MB, and no request to
any host.  Matplotlib reads the file itself.
"""

import base64
import io
from functools import lru_cache
from pathlib import Path

FAMILY = "Qushi Sans SC"
PATH = Path(__file__).parent / "assets" / "QushiSansSC-Regular.otf"


def font_face(text: str) -> str:
    """A CSS `@font-face` rule whose font draws every character of `text` that the font has.

    Characters outside GB 2312 and Latin (rare and traditional ones) are left to the reader's own
    fonts.  The same set of characters gives the same bytes.

    >>> font_face("panic 恐慌")[:40]
    "@font-face{font-family:'Qushi Sans SC';s"
    """
    encoded = base64.b64encode(_woff(frozenset(text))).decode()
    return (
        f"@font-face{{font-family:'{FAMILY}';src:url(data:font/woff;base64,{encoded}) "
        "format('woff');font-weight:100 900;font-display:block}"
    )


@lru_cache(maxsize=8)
def _woff(characters: frozenset[str]) -> bytes:
    from fontTools import subset
    from fontTools.ttLib import TTFont

    options = subset.Options()
    options.flavor = "woff"
    options.hinting = False
    options.notdef_outline = True
    options.bidi_closure = False
    options.layout_features = ["kern"]
    # The whole font's bounding boxes hold its part too; to measure them again is a third of the work.
    font = TTFont(PATH, recalcTimestamp=False, recalcBBoxes=False)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes={ord(c) for c in characters} | {0x20})
    cutter.subset(font)
    font.flavor = "woff"
    target = io.BytesIO()
    font.save(target)
    return target.getvalue()
