import numpy as np
import pandas as pd
import pytest

from qushi.core import Bars, ConfigError
from qushi.forecasters import make_labels, make_targets


def naive(bars, horizon):
    """The label counted out row by row over the trades of each symbol."""
    found = {}
    for symbol in bars.symbols:
        rows = bars.one(symbol)
        trades = [(s, r["open"] * r["factor"]) for s, r in rows.iterrows() if not r["suspended"]]
        for t, (session, _) in enumerate(trades):
            if t + 1 + horizon < len(trades):
                gain = np.log(trades[t + 1 + horizon][1]) - np.log(trades[t + 1][1])
                found[symbol, session] = gain, trades[t + 1 + horizon][0]
    return found


@pytest.mark.parametrize("horizon", [1, 2, 5])
def test_labels_equal_a_count_by_hand_across_suspensions(two_symbols, horizon):
    labels = make_labels(two_symbols, horizon)
    expected = naive(two_symbols, horizon)
    assert labels.index.equals(two_symbols.frame.index)
    known = labels["label"].notna()
    assert set(labels.index[known]) == set(expected)
    for key in list(expected)[::17]:
        assert labels.loc[key, "label"] == pytest.approx(expected[key][0], abs=1e-12)
        assert labels.loc[key, "label_end"] == expected[key][1]


def test_labels_before_a_suspension_end_after_it(two_symbols):
    rows = two_symbols.one("600519.SH")
    first_suspended = rows.index[rows["suspended"]][0]
    resumed = rows.index[~rows["suspended"] & (rows.index > first_suspended)]
    before = rows.index[rows.index < first_suspended][-1]
    label = make_labels(two_symbols, 1).loc[("600519.SH", before)]
    assert label["label_end"] == resumed[1]
    suspended = make_labels(two_symbols, 1).loc[("600519.SH", first_suspended)]
    assert np.isnan(suspended["label"])
    assert pd.isna(suspended["label_end"])


def test_labels_over_a_dividend_count_it_as_return(market):
    frame = market(rows=10)
    frame.loc[5:, ["open", "high", "low", "close"]] /= 1.1
    paid = frame.copy()
    paid.loc[5:, "factor"] = 1.1
    plain, total = (make_labels(Bars.from_frame(f)) for f in (frame, paid))
    gained = (total["label"] - plain["label"]).to_numpy()
    assert gained[3] == pytest.approx(np.log(1.1))
    np.testing.assert_allclose(np.delete(gained[:8], 3), 0.0, atol=1e-12)


def test_labels_with_a_horizon_below_one_raise(bars):
    with pytest.raises(ConfigError, match="at least 1"):
        make_labels(bars, 0)


def naive_targets(bars, name, step):
    """A target counted out row by row over the trades of each symbol."""
    found = {}
    for symbol in bars.symbols:
        rows = [r for _, r in bars.one(symbol).iterrows() if not r["suspended"]]
        for t in range(len(rows) - step):
            now, then = rows[t], rows[t + step]
            key = symbol, now.name
            if name in ("volume", "amount"):
                divisor = now["factor"] / then["factor"] if name == "volume" else 1.0
                pair = now[name], then[name] * divisor
                found[key] = np.log(pair[1] / pair[0]) if min(pair) > 0 else np.nan
            elif name == "volatility":
                closes = [r["close"] * r["factor"] for r in rows[t : t + step + 1]]
                found[key] = np.sqrt(np.mean(np.diff(np.log(closes)) ** 2))
            else:
                price = (then["high"] + then["low"]) / 2 if name == "mid" else then[name]
                found[key] = np.log(price * then["factor"] / (now["close"] * now["factor"]))
    return found


@pytest.mark.parametrize(
    "name", ["open", "high", "low", "close", "mid", "volume", "amount", "volatility"]
)
@pytest.mark.parametrize("step", [1, 4])
def test_targets_equal_a_count_by_hand_across_suspensions_and_splits(two_symbols, name, step):
    frame = two_symbols.frame.reset_index()
    frame.loc[frame.index > 400, "factor"] = 2.5
    frame["amount"] = frame["volume"] * frame["close"]
    frame.loc[50, "amount"] = 0.0
    bars = Bars.from_frame(frame)
    values = make_targets(bars, ["return", name], [2, step])[:, 1, 1]
    expected = pd.Series(naive_targets(bars, name, step)).reindex(bars.frame.index)
    np.testing.assert_allclose(values, expected.to_numpy(dtype=float), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["return", "trend", "direction"])
def test_targets_about_the_return_are_the_tradable_label(two_symbols, name):
    values = make_targets(two_symbols, [name], [3])[:, 0, 0]
    np.testing.assert_array_equal(values, make_labels(two_symbols, 3)["label"])
