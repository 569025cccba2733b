"""What a forecast is about: the log return that can be earned after the decision.

Deciding at the close of t, the first price to be had is the next open, so

    label[t] = ln(O[t+1+h] / O[t+1]),    label_end[t] = session of t+1+h

with O the back-adjusted open.  Rows are counted along the symbol's own trades: a session without a row,
or with a suspended row, is skipped, because an order waits there until the symbol trades again.  So the
label of a decision before a suspension runs from the first open after it, and `label_end` (from which
purging counts) moves out with it.
"""

import numpy as np
import pandas as pd

from ..core import Bars, ConfigError


def make_labels(bars: Bars, horizon: int = 1) -> pd.DataFrame:
    """Label and its end for every bar, indexed like `bars.frame`.

    Columns `label` (float64 log return) and `label_end` (session, NaT).  NaN and NaT where the bars end
    too early, and on suspended rows.  Known only at the open of `label_end`.

    >>> bars = Bars.from_frame(pd.DataFrame({
    ...     "symbol": "AAPL", "session": pd.to_datetime(["2024-01-02", "2024-01-03", "2024-01-04"]),
    ...     "open": [1.0, 2.0, 3.0], "high": 9.0, "low": 1.0, "close": 5.0, "volume": 1.0}))
    >>> first = make_labels(bars).iloc[0]
    >>> round(float(np.exp(first["label"])), 6), str(first["label_end"].date())
    (1.5, '2024-01-04')
    """
    if horizon < 1:
        raise ConfigError(f"a horizon is at least 1 session, received {horizon}")
    frame = bars.frame
    traded = frame[~frame["suspended"]]
    log_open = np.log(traded["open"] * traded["factor"])
    by_symbol = log_open.groupby(level="symbol", sort=False)
    label = by_symbol.shift(-1 - horizon) - by_symbol.shift(-1)
    session = traded.index.get_level_values("session").to_series(index=traded.index)
    end = session.groupby(level="symbol", sort=False).shift(-1 - horizon)
    return pd.DataFrame({"label": label, "label_end": end}).reindex(frame.index)
