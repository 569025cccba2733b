"""The forecast for the next session: one row a model and symbol, a symbol without one says why."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..core import Bars
from ..core.calendar import sessions
from ..core.forecasts import QUANTILE, STATED
from ..forecasters.fitted import FittedModel
from .train import Known

COLUMNS = ("symbol", "session", "trades_at", "horizon", "expected_return", "p_up")
"""The first columns; then what a model states beyond (prices, quantiles ...), and `LAST`."""
LAST = ("model", "seed", "fit_end", "missing")


def next_session(models: Sequence[FittedModel], known: Known) -> pd.DataFrame:
    """What each model forecasts at the close of the newest session, best expected return first.

    `session` is that of the decision, `trades_at` the exchange's next one.  Models stand in their given
    order, in each the symbols by expected return (else p_up) at the longest horizon, and last those
    without an answer, whose `missing` says why.  Raises as `FittedModel.predict`.
    """
    frames = [_of_model(model, known) for model in models]
    frame = pd.concat(frames, ignore_index=True)
    at = known.bars.sessions[-1]
    frame["trades_at"] = sessions(known.bars.calendar, at + pd.Timedelta(days=1))[0]
    stated = [c for c in frame.columns if c in STATED or str(c).startswith(QUANTILE)]
    return frame[[*COLUMNS, *stated, *(["contaminated"] if "contaminated" in frame else []), *LAST]]


def _of_model(model: FittedModel, known: Known) -> pd.DataFrame:
    at = model.wanted(known.bars)
    features = known.features(model.features)
    table = model.table(features, known.bars)
    answered = pd.DataFrame({"symbol": pd.Series(dtype=object)})
    if any(len(model.rows(part, table, at)) for part in model.parts):
        answered = model.answer(table, at).frame
    answers = [c for c in ("expected_return", "p_up", *STATED) if c in answered.columns]
    if answers:
        answered = answered[answered[answers].notna().any(axis=1)]
    silent = [s for s in known.bars.symbols if s not in set(answered["symbol"])]
    own = {str(part.symbol) for part in model.parts if part.symbol is not None}
    why = {s: _why(model, s, features.warm_up, known.bars, own) for s in silent}
    missing = pd.DataFrame(
        {"symbol": silent, "missing": [why[s] for s in silent], "horizon": model.settings.horizon}
    )
    both = pd.concat([_ranked(answered), missing], ignore_index=True)
    both = both.assign(session=at[0], model=model.name, seed=model.seed, fit_end=model.fit_end)
    for name in ("expected_return", "p_up"):
        both[name] = both[name].astype(float) if name in both.columns else np.nan
    return both.assign(missing=both["missing"].fillna(""))


def _ranked(answered: pd.DataFrame) -> pd.DataFrame:
    """Best first by the longest horizon, each symbol's horizons together."""
    if answered.empty:
        return answered
    longest = answered[answered["horizon"] == answered["horizon"].max()]
    order = longest.sort_values(["expected_return", "p_up"], ascending=False, na_position="last")
    rank = {symbol: number for number, symbol in enumerate(order["symbol"])}
    place = answered["symbol"].map(rank)
    return answered.assign(rank=place).sort_values(["rank", "horizon"]).drop(columns="rank")


def _why(model: FittedModel, symbol: str, warm_up: int, bars: Bars, own: set[str]) -> str:
    """Why a model has no answer for a symbol."""
    rows = bars.one(symbol)
    traded = rows.index[~rows["suspended"].to_numpy()]
    newest = bars.sessions[-1]
    if not len(traded):
        return "it has never traded"
    if traded[-1] < newest:
        return f"no trade on {newest:%Y-%m-%d}, the last one was on {traded[-1]:%Y-%m-%d}"
    rows_needed = model.settings.needed_rows
    if len(traded) < warm_up + rows_needed:
        return (
            f"{len(traded)} sessions with trade, {warm_up + rows_needed} are needed: {warm_up} to warm "
            f"up, {rows_needed} in a window"
        )
    if own and symbol not in own:
        return "no model of its own: there was nothing to train one on"
    return "a feature is not known in its window, or the model has no answer for it"
