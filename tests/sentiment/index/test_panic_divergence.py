"""The divergence of the audiences, from texts to a model's features."""

import numpy as np
import pandas as pd

from panic_texts import GRID, eventful, scored
from qushi.core import Bars
from qushi.forecasters.features import FeatureSet
from qushi.sentiment.index.panic import PanicSettings, panic_index

SMALL = PanicSettings(window=8, min_history=3, n_min=3)


def test_divergence_of_texts_is_the_difference_of_the_two_indices():
    texts = eventful(2, days=60)
    index = panic_index(texts, scored(texts), "XSHG", SMALL)
    found = index.divergence("market")
    sides = [index.one("market", audience)["panic"] for audience in ("public", "institution")]
    by_hand = {day: sides[0].get(day, np.nan) - sides[1].get(day, np.nan) for day in found.index}
    assert found.notna().sum() > 20
    assert found.min() < 0 < found.max()
    pd.testing.assert_series_equal(found, pd.Series(by_hand), check_names=False, check_freq=False)
    unknown = index.one("market", "institution")["quality"] == "none"
    assert found[unknown.index[unknown]].isna().all()


def test_divergence_is_a_feature_between_minus_one_and_one_and_says_where_it_is_unknown():
    texts = eventful(2, days=60)
    index = panic_index(texts, scored(texts), "XSHG", SMALL)
    close = np.linspace(10, 12, 60)
    bars = pd.DataFrame({"symbol": "600519.SH", "session": GRID[:60], "close": close, "volume": 1.0})
    bars = Bars.from_frame(bars.assign(open=close, high=close, low=close))
    chosen = FeatureSet(candle=False, indicators=(), panic=("divergence",))
    table = chosen.build(bars, index).frame
    expected = index.for_symbols(("600519.SH",), GRID[:60], "divergence")["600519.SH"] / 100
    known = expected.notna().to_numpy()
    value, flag = (table[name].to_numpy() for name in ("panic_divergence", "panic_divergence_known"))
    np.testing.assert_array_equal(flag, known.astype("float32"))
    np.testing.assert_allclose(value[known], expected[known], rtol=1e-6)
    assert known.sum() > 20
