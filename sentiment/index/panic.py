"""The panic index: one number a session, 0 calm ... 100 panic, by scope and audience.

Counts of a session D are sums of classifier probabilities, decayed by sessions (half-life h):
    X~[D] = X[D] + 2^(-1/h) * X~[D-1]                      X in Neg, Neu, Pos
    b[D]  = ln((1 + Neg~) / (1 + Pos~))                    bearishness
    P[D]  = 100 * (#(b[k] < b[D]) + 0.5 #(b[k] = b[D])) / W,   50 + (P - 50) * min(1, E / n_min)
over the previous W <= `window` sessions k < D that have a value (quality other than "none"), at least
`min_history` of them; E = Neg~ + Neu~ + Pos~.  Everything at D uses texts available up to D's cut-off.

Scopes are the market (every text), the symbols that texts name (`symbol` and each of `mentions`) and
sectors; a scope's rows begin in the session of its first text, so a name that turns up later on changes
nothing before it.  Bearishness follows Antweiler & Frank (2004) with the sign turned, and so does
agreement.  Whether panic means buy or sell is left to the strategies: the literature disagrees.
"""

import pandas as pd

from ...core import DataError, PanicIndex, Texts
from .builder import PanicBuilder
from .sectors import Sectors
from .settings import PanicSettings

__all__ = ["PanicBuilder", "PanicSettings", "extend", "panic_index"]


def panic_index(
    texts: Texts,
    scores: pd.DataFrame,
    calendar: str,
    settings: PanicSettings = PanicSettings(),  # noqa: B008  frozen
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    sectors: Sectors | None = None,
) -> PanicIndex:
    """The index of the market, of every symbol that a text names and of `sectors`, for each audience.

    `scores` has `id, p_neg, p_neu, p_pos`, one row a text.  `start` and `end` are sessions and cut the
    output only: texts before `start` still are history.  The default is from the first to the last
    session that has a text.  Raises `DataError` for a text without a score or with no session, for
    probabilities that are none, and where there is no text at all.
    """
    if not len(texts):
        raise DataError("there are no texts to make a panic index from")
    builder = PanicBuilder(calendar, settings, sectors, end=end)
    index = builder.feed(texts, scores, more=False).finish()
    if start is None:
        return index
    frame = index.frame[index.frame["session"] >= pd.Timestamp(start)]
    return PanicIndex(frame.reset_index(drop=True))


def extend(
    previous: PanicIndex,
    texts: Texts,
    scores: pd.DataFrame,
    calendar: str,
    settings: PanicSettings = PanicSettings(),  # noqa: B008  frozen
    end: str | pd.Timestamp | None = None,
    sectors: Sectors | None = None,
) -> PanicIndex:
    """`previous` and the sessions after its last one, bit-equal to the index of all texts at once.

    Settings, calendar and sectors are those that `previous` was made with; it must not have been cut
    with a `start`.  Only texts of later sessions count: a value is final at the cut-off of its session.
    Earlier texts may be among them (they show whether a later version repeats their words) and change
    nothing.  The default `end` is the last session that has a text.  Raises `DataError`.
    """
    builder = PanicBuilder(calendar, settings, sectors, previous=previous, end=end)
    return builder.feed(texts, scores, more=False).finish()
