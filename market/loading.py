"""Bars of several symbols from one source."""

from collections import Counter
from collections.abc import Sequence

from ..core import QUIET, Bars, DataError, Progress
from .sources._base import BarSource


def load_bars(
    source: BarSource,
    symbols: Sequence[str],
    start: str | None = None,
    end: str | None = None,
    progress: Progress = QUIET,
) -> Bars:
    """Fetch symbols one by one into one `Bars`; what the source notes is passed on.

    All or nothing: the first symbol that cannot be had raises the source's error.  All symbols must
    be of one market and one adjustment (`DataError`).

    >>> from qushi.market.sources.sample import Sample
    >>> load_bars(Sample(), ["AAPL", "IBM"], "2012-01-01", "2012-12-31").symbols
    ('AAPL', 'IBM')
    """
    twice = sorted(symbol for symbol, times in Counter(symbols).items() if times > 1)
    if twice:
        raise DataError(f"the symbol {twice[0]!r} is asked for twice")
    parts = []
    progress.begin("bars", len(symbols))
    for symbol in symbols:
        parts.append(source.fetch(symbol, start, end))
        for said in source.take_notes():
            progress.note(said)
        progress.advance("bars")
    return Bars.concat(parts)
