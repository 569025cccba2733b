"""Small charts as inline SVG, drawn when the page is made.

Pure functions from numbers to text: no library, no script.  Colours are classes of the page's style
sheet, so a chart follows light and dark; the text of a tooltip is a `<title>`.  Every string from
outside is escaped here.  NaN is a gap, never a line across it.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ..core.notes import Said

_MINUS = "\u2013"  # the true minus sign is as wide as a character in a Chinese font


@dataclass(frozen=True)
class Plot:
    """One chart: whose it is, the picture, and a sentence beside the name (may be None)."""

    name: str
    svg: Markup
    remark: Said | None = None


@dataclass(frozen=True)
class Axes:
    """The plane of a chart: ranges of the data, and the picture's size and margins in pixels."""

    x: tuple[float, float]
    y: tuple[float, float]
    width: float = 320
    height: float = 200
    left: float = 48
    right: float = 10
    top: float = 8
    bottom: float = 26

    def across(self, value: float) -> float:
        """Pixels from the left of a value of x."""
        low, high = self.x
        share = (value - low) / (high - low) if high > low else 0.5
        return self.left + share * (self.width - self.left - self.right)

    def down(self, value: float) -> float:
        """Pixels from the top of a value of y."""
        low, high = self.y
        share = (value - low) / (high - low) if high > low else 0.5
        return self.height - self.bottom - share * (self.height - self.top - self.bottom)

    def svg(self, *parts: Markup, label: str) -> Markup:
        """The whole picture; `label` says what it is to a reader who cannot see it."""
        return Markup('<svg viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">{}</svg>').format(
            self.width, self.height, label, Markup("").join(parts)
        )


def number(value: float, digits: int = 6) -> str:
    """A number in as few characters as it needs.

    >>> number(0.25), number(-3.0), number(1234567.0)
    ('0.25', '–3', '1234567')
    """
    text = f"{round(value, digits):f}".rstrip("0").rstrip(".")
    return ("0" if text in ("-0", "") else text).replace("-", _MINUS)


def around(values: Iterable[float], margin: float = 0.06) -> tuple[float, float]:
    """A range that holds all finite values with a margin; 0 ... 1 where there is none."""
    known = [v for v in values if math.isfinite(v)]
    if not known:
        return 0.0, 1.0
    low, high = min(known), max(known)
    room = (high - low) * margin or abs(high) * margin or 1.0
    return low - room, high + room


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers inside a range, at most `most` of them.

    >>> ticks(0.42, 0.61)
    [0.45, 0.5, 0.55, 0.6]
    """
    if not high > low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(k * power for k in (1, 2, 2.5, 5, 10, 20) if (high - low) / (k * power) <= most)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def text(x: float, y: float, words: str | Said, css: str = "", anchor: str = "middle") -> Markup:
    """Words at a point, in both languages where they differ."""
    said = words if isinstance(words, Said) else Said(words, words)
    if said.en == said.zh:
        return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}" class="{}">{}</text>').format(
            x, y, anchor, css, said.en
        )
    one = Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}" class="{}" lang="{}">{}</text>')
    return Markup("").join(
        one.format(x, y, anchor, css, language, words)
        for language, words in (("en", said.en), ("zh", said.zh))
    )


def grid(axes: Axes, across: Sequence[tuple[float, str]], up: Sequence[tuple[float, str]]) -> Markup:
    """The hair lines and labels of both axes, each a list of (value, label)."""
    right, bottom = axes.width - axes.right, axes.height - axes.bottom
    parts = []
    for value, label in up:
        y = axes.down(value)
        parts.append(rule(axes.left, y, right, y, "grid"))
        parts.append(text(axes.left - 6, y + 4, label, anchor="end"))
    for value, label in across:
        x = axes.across(value)
        parts.append(rule(x, bottom, x, bottom + 3, "grid"))
        parts.append(text(x, bottom + 16, label))
    return Markup("").join(parts)


def curve(axes: Axes, xs: Sequence[float], ys: Sequence[float], css: str, title: str = "") -> Markup:
    """A line through the points, broken at NaN; a lone point is a short dash."""
    path, pen = [], False
    for x, y in zip(xs, ys, strict=True):
        if not (math.isfinite(x) and math.isfinite(y)):
            pen = False
            continue
        path.append(f"{'L' if pen else 'M'}{axes.across(x):.1f} {axes.down(y):.1f}")
        pen = True
    if not path:
        return Markup("")
    if len(path) == 1:
        path.append("h.1")
    return Markup('<path d="{}" class="curve {}">{}</path>').format("".join(path), css, _title(title))


def segment(axes: Axes, start: tuple[float, float], end: tuple[float, float], css: str) -> Markup:
    """A straight line between two points of the data."""
    return rule(axes.across(start[0]), axes.down(start[1]), axes.across(end[0]), axes.down(end[1]), css)


def dot(axes: Axes, x: float, y: float, css: str, title: str = "", radius: float = 3) -> Markup:
    """A point, nothing for NaN."""
    if not (math.isfinite(x) and math.isfinite(y)):
        return Markup("")
    return Markup('<circle cx="{:.1f}" cy="{:.1f}" r="{:g}" class="{}">{}</circle>').format(
        axes.across(x), axes.down(y), radius, css, _title(title)
    )


def bar(x: float, y: float, width: float, height: float, css: str, title: str = "") -> Markup:
    """A rectangle in pixels."""
    return Markup(
        '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" class="{}">{}</rect>'
    ).format(x, y, max(width, 0), max(height, 0), css, _title(title))


def rule(x1: float, y1: float, x2: float, y2: float, css: str) -> Markup:
    """A straight line in pixels."""
    return Markup('<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" class="{}"/>').format(
        x1, y1, x2, y2, css
    )


def _title(words: str) -> Markup:
    return Markup("<title>{}</title>").format(words) if words else Markup("")
