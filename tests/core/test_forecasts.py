import numpy as np
import pandas as pd
import pytest

from qushi.core import DataError, Forecasts, LookAheadError

DAYS = pd.to_datetime(["2024-01-02", "2024-01-03", "2024-01-04"])


def table(model="a", symbol="600519.SH", seed=0, **columns):
    base = {
        "model": model,
        "seed": seed,
        "symbol": symbol,
        "session": DAYS,
        "horizon": 1,
        "fold": 0,
        "expected_return": [0.01, -0.02, 0.03],
        "p_up": np.nan,
        "fit_start": DAYS[0] - pd.Timedelta(days=300),
        "fit_end": DAYS[0],
    }
    return pd.DataFrame({**base, **columns})


def test_forecasts_fit_that_saw_the_future_is_look_ahead():
    with pytest.raises(LookAheadError, match=r"a forecast 600519\.SH .* with a fit that saw 2024-01-03"):
        Forecasts(table(fit_end=DAYS[1]))


def test_forecasts_fit_that_ends_at_the_decision_is_allowed():
    assert len(Forecasts(table(fit_end=DAYS)).frame) == 3


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"p_up": [0.5, 1.2, 0.1]}, "p_up must be within 0 and 1"),
        ({"expected_return": np.nan}, "an expected return or a probability"),
        ({"session": [DAYS[0], DAYS[0], DAYS[1]]}, "two forecasts of a for 600519.SH on 2024-01-02"),
    ],
)
def test_forecasts_that_cannot_be_are_refused(columns, said):
    with pytest.raises(DataError, match=said):
        Forecasts(table(**columns))


def test_forecasts_missing_column_and_no_rows_are_refused():
    with pytest.raises(DataError, match="lack the column 'p_up'"):
        Forecasts(table().drop(columns="p_up"))
    with pytest.raises(DataError, match="no rows"):
        Forecasts(table().iloc[:0])
    with pytest.raises(DataError, match="no forecasts to put together"):
        Forecasts.concat([])


def test_forecasts_of_one_model_and_seed():
    both = Forecasts.concat(
        [Forecasts(table("b", seed=1)), Forecasts(table("a")), Forecasts(table("b"))]
    )
    assert both.models == ("a", "b")
    assert both.seeds("b") == (0, 1)
    assert len(both.of("b").frame) == 6
    assert len(both.of("b", 1).frame) == 3
    with pytest.raises(DataError, match="no forecasts of 'c'"):
        both.of("c")
    with pytest.raises(DataError, match="with seed 7"):
        both.of("b", 7)


def test_forecasts_wide_is_sessions_by_symbols_and_needs_one_model():
    two = Forecasts.concat(
        [Forecasts(table()), Forecasts(table(symbol="000001.SZ", expected_return=0.5))]
    )
    wide = two.wide("expected_return")
    assert wide.columns.tolist() == ["000001.SZ", "600519.SH"]
    assert wide.loc[DAYS[1]].tolist() == [0.5, -0.02]
    mixed = Forecasts.concat([Forecasts(table()), Forecasts(table("b"))])
    with pytest.raises(DataError, match="choose one with"):
        mixed.wide("p_up")


def test_forecasts_fingerprint_follows_content():
    assert Forecasts(table()).fingerprint == Forecasts(table()).fingerprint
    assert Forecasts(table()).fingerprint != Forecasts(table(expected_return=0.1)).fingerprint
