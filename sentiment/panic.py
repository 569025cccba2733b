"""The panic index: one number a session, 0 calm ... 100 panic, by scope and audience.

Counts of a session D are sums of classifier probabilities, decayed by sessions (half-life h):
    X~[D] = X[D] + 2^(-1/h) * X~[D-1]                      X in Neg, Neu, Pos
    b[D]  = ln((1 + Neg~) / (1 + Pos~))                    bearishness
    P[D]  = 100 * (#(b[k] < b[D]) + 0.5 #(b[k] = b[D])) / W,   50 + (P - 50) * min(1, E / n_min)
over the previous W <= `window` sessions k < D that have a value (quality other than "none"), at least
`min_history` of them; E = Neg~ + Neu~ + Pos~.  Everything at D uses texts available up to D's cut-off.

Bearishness follows Antweiler & Frank (2004) with the sign turned, and so does agreement.  Whether
panic means buy or sell is left to the strategies: the literature disagrees.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field, field_validator, model_validator

from ..core import DataError, PanicIndex, Settings, Texts
from ..core.calendar import session_of, sessions
from ..core.panic import ALL, COLUMNS, MARKET
from ..core.texts import AUDIENCES
from .identity import HASHED, text_key

FloatArray = npt.NDArray[np.float64]
PROBABILITIES = ("p_neg", "p_neu", "p_pos")
_EPSILON = 1e-9  # sums of probabilities miss whole numbers by rounding


class PanicSettings(Settings):
    """The constants of the index; the defaults are those of the module's docstring.

    half_life
        Sessions after which a text counts half.
    window, min_history
        Sessions that today is ranked against at most, and at least.
    n_min
        Effective count below which a session is "thin" and its panic is drawn towards 50.
    cutoff
        Local clock time up to which (inclusive) texts belong to the session; empty: the close.
    hard_labels
        Count the likeliest class as 1 instead of summing probabilities.
    """

    half_life: float = Field(default=3.0, gt=0)
    window: int = Field(default=250, ge=2)
    min_history: int = Field(default=60, ge=2)
    n_min: float = Field(default=5.0, ge=1)
    z_clip: float = Field(default=4.0, gt=0)
    cutoff: str = ""
    hard_labels: bool = False

    @field_validator("cutoff")
    @classmethod
    def _clock(cls, value: str) -> str:
        parts = value.split(":")
        good = len(parts) in (2, 3) and all(len(p) == 2 and p.isdigit() for p in parts)
        if value and not (good and int(parts[0]) < 24 and all(int(p) < 60 for p in parts[1:])):
            raise ValueError("a clock time like 15:00 or 14:57:00 is wanted")
        return value

    @model_validator(mode="after")
    def _history_fits(self) -> "PanicSettings":
        if self.min_history > self.window:
            raise ValueError(f"min_history {self.min_history} is above the window {self.window}")
        return self


def panic_index(
    texts: Texts,
    scores: pd.DataFrame,
    calendar: str,
    settings: PanicSettings = PanicSettings(),  # noqa: B008  frozen
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
) -> PanicIndex:
    """The index of the market and of every symbol that a text names, for each audience and for all.

    `scores` has `id, p_neg, p_neu, p_pos`, one row a text.  `start` and `end` are sessions and cut the
    output only: texts before `start` still are history.  The default is from the first to the last
    session that has a text.  Raises `DataError` for a text without a score or with no session, for
    probabilities that are none, and where there is no text at all.
    """
    if not len(texts):
        raise DataError("there are no texts to make a panic index from")
    admitted = admit(texts, scores, calendar, settings)
    last = pd.Timestamp(end) if end is not None else admitted["session"].max()
    admitted = admitted[admitted["session"] <= last]
    if admitted.empty:
        raise DataError(f"no text is available by {last.date()}: there is no panic index to make")
    grid = sessions(calendar, admitted["session"].min(), last)
    tables = [
        one_index(chosen, grid, settings).assign(scope=scope, audience=audience)
        for scope, audience, chosen in _groups(admitted)
    ]
    frame = pd.concat(tables, ignore_index=True)[list(COLUMNS)]
    if start is not None:
        frame = frame[frame["session"] >= pd.Timestamp(start)]
    order = frame.sort_values(["scope", "audience", "session"], kind="stable")
    return PanicIndex(order.reset_index(drop=True))


def admit(texts: Texts, scores: pd.DataFrame, calendar: str, settings: PanicSettings) -> pd.DataFrame:
    """Steps 1 and 2: texts that count, with `session`, `audience`, `symbol`, `neg`, `neu`, `pos`.

    Texts without an id of their own count once a session where source, symbol and normalised text are
    the same: the earliest stays.  Rows keep the order of `available_at`.
    """
    probabilities = _probabilities(texts, scores, hard=settings.hard_labels)
    frame = texts.frame[["id", "source", "symbol", "audience", "weight"]].copy()
    moments = pd.DatetimeIndex(texts.available_at)
    frame["session"] = session_of(moments, calendar, settings.cutoff)
    if frame["session"].isna().any():
        bad = frame.loc[frame["session"].isna(), "id"].iloc[0]
        raise DataError(f"the text {bad!r} is dated after the last known session of {calendar}")
    frame[["neg", "neu", "pos"]] = probabilities * frame[["weight"]].to_numpy(dtype=float)
    frame["key"] = frame["id"]
    own = frame["id"].str.startswith(HASHED)
    contents = texts.contents
    frame.loc[own, "key"] = [
        text_key(*row)
        for row in zip(frame["source"][own], frame["symbol"][own], contents[own], strict=True)
    ]
    return frame[~frame.duplicated(["key", "session"])].drop(columns="key")


def _probabilities(texts: Texts, scores: pd.DataFrame, *, hard: bool) -> FloatArray:
    missing = [c for c in ("id", *PROBABILITIES) if c not in scores.columns]
    if missing:
        raise DataError(f"the scores lack the column {missing[0]!r}; received {list(scores.columns)}")
    if scores["id"].duplicated().any():
        twice = scores.loc[scores["id"].duplicated(), "id"].iloc[0]
        raise DataError(f"the text {twice!r} has two scores")
    aligned = scores.set_index("id")[list(PROBABILITIES)].reindex(texts.frame["id"])
    values = aligned.to_numpy(dtype=float)
    total = values.sum(axis=1)
    bad = ~((values >= 0).all(axis=1) & (np.abs(total - 1.0) < 1e-3))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"the text {aligned.index[row]!r} has no score that can be used: expected three "
            f"probabilities with the sum 1, received {values[row].tolist()}"
        )
    counts: FloatArray = np.eye(3)[values.argmax(axis=1)] if hard else values / total[:, None]
    return counts


def _groups(admitted: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    symbols = sorted(admitted["symbol"].dropna().unique())
    for scope in (MARKET, *symbols):
        ours = admitted if scope == MARKET else admitted[admitted["symbol"] == scope]
        for audience in (*AUDIENCES, ALL):
            chosen = ours if audience == ALL else ours[ours["audience"] == audience]
            if not chosen.empty:
                yield scope, audience, chosen


def one_index(admitted: pd.DataFrame, grid: pd.DatetimeIndex, settings: PanicSettings) -> pd.DataFrame:
    """Steps 3 to 7 for the texts of one scope and audience, one row a session of `grid`."""
    own = session_counts(admitted, grid)
    texts = own["texts"].to_numpy()
    neg, neu, pos = (own[c].to_numpy() for c in ("neg", "neu", "pos"))
    decayed = decay(np.stack([neg, neu, pos], axis=1), settings.half_life)
    effective = decayed.sum(axis=1)
    valued = effective >= 1.0 - _EPSILON
    b = bearishness(decayed[:, 0], decayed[:, 2])
    standing = rank_against_history(b, valued, settings)
    return pd.DataFrame(
        {
            "session": grid,
            "texts": texts,
            "effective": effective,
            "session_bearishness": bearishness(neg, pos),
            "bearishness": b,
            "panic": shrink(standing.panic, effective, settings.n_min),
            "z": standing.z,
            "attention": abnormal_attention(texts, settings),
            "agreement": agreement(neg, pos),
            "quality": quality(effective, settings.n_min),
        }
    )


def session_counts(admitted: pd.DataFrame, grid: pd.DatetimeIndex) -> pd.DataFrame:
    """Step 3: `texts`, `neg`, `neu`, `pos` of each session of `grid`, without decay."""
    at = grid.get_indexer(pd.DatetimeIndex(admitted["session"]))
    size = len(grid)
    counts = {"texts": np.bincount(at, minlength=size)}
    for name in ("neg", "neu", "pos"):
        counts[name] = np.bincount(at, weights=admitted[name].to_numpy(), minlength=size)
    return pd.DataFrame(counts, index=grid)


def decay(counts: FloatArray, half_life: float) -> FloatArray:
    """Step 3: `X~[D] = X[D] + 2^(-1/h) X~[D-1]` down the rows; only uses `counts[:D+1]`."""
    keep = 2.0 ** (-1.0 / half_life)
    found = np.empty_like(counts)
    state = np.zeros(counts.shape[1])
    for row, today in enumerate(counts):
        state = today + keep * state
        found[row] = state
    return found


def bearishness(neg: FloatArray, pos: FloatArray) -> FloatArray:
    """Step 4: `ln((1 + Neg) / (1 + Pos))`; 0 is balanced or empty."""
    found: FloatArray = np.log1p(neg) - np.log1p(pos)
    return found


@dataclass(frozen=True)
class Standing:
    """Where each session stands among those before it; NaN where there is no standing."""

    panic: FloatArray
    z: FloatArray


def rank_against_history(
    b: FloatArray, valued: npt.NDArray[np.bool_], settings: PanicSettings
) -> Standing:
    """Steps 5 and 6: percentile (before shrinkage) and z of `b` among earlier sessions with a value."""
    panic, z = np.full(len(b), np.nan), np.full(len(b), np.nan)
    values = b[valued]
    if len(values) <= settings.min_history:
        return Standing(panic, z)
    padded = np.concatenate([np.full(settings.window, np.nan), values])
    history = np.lib.stride_tricks.sliding_window_view(padded, settings.window)[: len(values)]
    first = settings.min_history
    past, today = history[first:], values[first:, None]
    size = np.minimum(np.arange(first, len(values)), settings.window)
    below = (past < today).sum(axis=1) + 0.5 * (past == today).sum(axis=1)
    deviation = values[first:] - np.nanmean(past, axis=1)
    spread = np.nanstd(past, axis=1)
    flat = np.nanmax(past, axis=1) == np.nanmin(past, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = np.where(flat, 0.0, deviation / spread)
    rows = np.flatnonzero(valued)[first:]
    panic[rows] = 100.0 * below / size
    z[rows] = np.clip(scaled, -settings.z_clip, settings.z_clip)
    return Standing(panic, z)


def shrink(panic: FloatArray, effective: FloatArray, n_min: float) -> FloatArray:
    """Step 5: towards 50 where the effective count is below `n_min`."""
    found: FloatArray = 50.0 + (panic - 50.0) * np.minimum(1.0, effective / n_min)
    return found


def abnormal_attention(texts: npt.NDArray[np.int64], settings: PanicSettings) -> FloatArray:
    """Step 6: `ln(1 + N)` minus the median of it over the previous `window` sessions, today excluded.

    Sessions without a text count as 0; the history starts with the first text.  NaN before
    `min_history` sessions.
    """
    level = np.log1p(texts.astype(float))
    begun = np.flatnonzero(texts)
    if not len(begun):
        return np.full(len(texts), np.nan)
    usual = pd.Series(level[begun[0] :]).rolling(settings.window, settings.min_history).median()
    found = np.full(len(texts), np.nan)
    found[begun[0] :] = level[begun[0] :] - usual.shift(1).to_numpy()
    return found


def agreement(neg: FloatArray, pos: FloatArray) -> FloatArray:
    """Step 6: `1 - sqrt(1 - ((Pos - Neg) / (Pos + Neg))^2)` of the session's own counts.

    NaN in a session without a positive or negative text.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        balance = (pos - neg) / (pos + neg)
    found: FloatArray = 1.0 - np.sqrt(np.clip(1.0 - balance**2, 0.0, 1.0))
    return found


def quality(effective: FloatArray, n_min: float) -> npt.NDArray[np.str_]:
    """Step 6: "none" below an effective count of 1, "thin" below `n_min`, else "ok"."""
    thin = np.where(effective < n_min - _EPSILON, "thin", "ok")
    return np.where(effective < 1.0 - _EPSILON, "none", thin)
