"""How a page is put together: the template's environment, the files it carries, JSON inside a script."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.notes import Said
from .font import font_face

if TYPE_CHECKING:
    from jinja2 import Environment

_ASSETS = Path(__file__).parent / "assets"
_LIBRARY = "lightweight-charts-5.2.1.js"


def environment(**words: Any) -> "Environment":
    """Jinja with everything escaped and nothing undefined; `words` are what templates call."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    made = Environment(
        loader=FileSystemLoader(_ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(is_said=_is_said, wbr=Markup("<wbr>"), **words)
    return made


def _is_said(value: object) -> bool:
    return isinstance(value, Said)


def asset(name: str) -> str:
    """A file of `assets/` as text."""
    return (_ASSETS / name).read_text(encoding="utf-8")


def library() -> str:
    """The chart library, such that it may stand inside a script element."""
    return asset(_LIBRARY).replace("</script", "<\\/script")


def script_json(data: dict[str, Any]) -> str:
    r"""JSON that may stand inside a script element: no `<`, so no end tag can be forged.

    >>> script_json({"text": "</script>"})
    '{"text":"\\u003c/script>"}'
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def with_font(page: str, strangers: str = "", most: int = 3_000) -> str:
    """The page with the glyphs of its characters; it must be whole by now.

    Of `strangers`, the texts in it that others wrote, only the `most` frequent characters get theirs,
    which keeps the page small; what is rarer is left to the reader's own fonts.
    """
    theirs = Counter(strangers)
    ours = Counter(page) - theirs
    common = [character for character, _ in theirs.most_common(most)]
    return page.replace("/*qushi:font*/", font_face("".join(sorted({*ours, *common}))), 1)
