"""What the panes draw: the index itself, gaps as null, nothing that the index does not hold."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from example_panic import DAYS, SILENCE, SYMBOLS, made_index, panic_inputs
from qushi.core import DataError, PanicIndex
from qushi.reports import panic_charts
from qushi.reports.panic_charts import calendar_of, drawn_scopes, payload
from qushi.reports.panic_inputs import views_of


@pytest.fixture(scope="module")
def drawn():
    return payload(panic_inputs())


def unpacked(series, name):
    """A stored column on the whole calendar, NaN for what is null."""
    found = np.full(len(DAYS), np.nan)
    values = [np.nan if v is None else v for v in series[name]]
    found[series["start"] : series["start"] + len(values)] = values
    return found


def test_calendar_is_that_of_the_index(drawn):
    calendar = calendar_of(panic_inputs())
    assert calendar.equals(pd.DatetimeIndex(DAYS, name="session"))
    assert drawn["sessions"]["first"] == f"{DAYS[0]:%Y-%m-%d}"
    assert len(drawn["sessions"]["steps"]) == len(DAYS) - 1


@pytest.mark.parametrize("column", ["panic", "z", "texts", "effective", "attention", "agreement"])
@pytest.mark.parametrize("scope", ["market", SYMBOLS[0]])
@pytest.mark.parametrize("audience", ["all", "public", "institution"])
def test_every_column_is_that_of_the_index(drawn, scope, audience, column):
    stored = drawn["series"][scope][audience]
    expected = made_index().one(scope, audience)[column].reindex(DAYS).to_numpy(dtype=float)
    np.testing.assert_allclose(unpacked(stored, column), expected, atol=0.05)


def test_no_information_is_null_and_its_quality_none(drawn):
    stored = drawn["series"]["market"]["public"]
    silent = range(len(DAYS))[SILENCE][-1]
    assert stored["panic"][silent - stored["start"]] is None
    assert stored["quality"][silent - stored["start"]] == "2"
    assert stored["quality"][-1] == "0"
    assert len(stored["quality"]) == len(stored["panic"]) == len(stored["texts"])


def test_divergence_is_public_minus_institution(drawn):
    index = made_index()
    public = index.one("market", "public")["panic"].reindex(DAYS)
    expected = public - index.one("market", "institution")["panic"].reindex(DAYS)
    found = unpacked(drawn["series"]["market"]["divergence"], "v")
    np.testing.assert_allclose(found, expected.to_numpy(), atol=0.051)
    assert np.isfinite(found).sum() > 50


def test_one_audience_alone_is_stored_once_and_has_no_divergence():
    frame = made_index().frame
    alone = frame[frame["audience"] == "public"]
    both = pd.concat([alone.assign(audience="all"), alone])
    index = PanicIndex(both.sort_values(["scope", "audience", "session"]).reset_index(drop=True))
    found = payload(panic_inputs(panic=index))
    assert found["views"]["market"] == ["all", "public"]
    assert found["series"]["market"]["public"] == "all"


def test_implied_fear_keeps_its_gap(drawn):
    (fear,) = drawn["implied"]
    assert fear["v"][29] is not None
    assert fear["v"][30:60] == [None] * 30


def test_candles_are_adjusted_to_the_last_price(drawn):
    bars = panic_inputs().bars
    one = bars.one(SYMBOLS[0]).reindex(DAYS)
    factor = one["factor"] / one["factor"].iloc[-1]
    candles = drawn["symbols"][SYMBOLS[0]]
    for name in ("open", "high", "low", "close"):
        expected = (one[name] * factor).to_numpy()
        np.testing.assert_allclose(candles[name[0]], expected, atol=0.01)
    assert one["factor"].nunique() > 1


def test_suspended_sessions_have_no_candle():
    inputs = panic_inputs()
    frame = inputs.bars.frame.copy()
    frame.loc[(SYMBOLS[0], DAYS[50]), ["suspended", "volume"]] = [True, 0.0]
    found = payload(panic_inputs(bars=replace(inputs.bars, frame=frame)))
    assert found["symbols"][SYMBOLS[0]]["c"][50] is None
    assert found["symbols"][SYMBOLS[0]]["c"][51] is not None


def test_without_prices_there_are_none():
    found = payload(panic_inputs(bars=None, benchmark=None, implied={}))
    assert found["symbols"] == {}
    assert found["benchmark"] is None
    assert found["implied"] == []


def test_scopes_that_do_not_fit_are_left_out_and_the_first_shown_never(monkeypatch):
    monkeypatch.setattr(panic_charts, "_MOST_ROWS", 2 * len(made_index().one("market")) * 3)
    inputs = panic_inputs(scope=SYMBOLS[0])
    assert drawn_scopes(inputs) == ("market", SYMBOLS[0])
    assert drawn_scopes(panic_inputs(scope=SYMBOLS[1])) == ("market", SYMBOLS[1])
    assert payload(inputs)["all_scopes"] == 3


def test_sectors_stand_between_the_market_and_the_symbols():
    frame = made_index().frame
    sector = frame[frame["scope"] == SYMBOLS[0]].assign(scope="sector:wine")
    both = pd.concat([frame, sector]).sort_values(["scope", "audience", "session"])
    inputs = panic_inputs(panic=PanicIndex(both.reset_index(drop=True)))
    assert drawn_scopes(inputs) == ("market", "sector:wine", *sorted(SYMBOLS))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"scope": "600518.SH"}, "600519.SH"),
        ({"audience": "publik"}, "did you mean 'public'"),
        ({"language": "fr"}, "'en' or 'zh'"),
        ({"extreme": 50.0}, "above 50"),
    ],
)
def test_inputs_that_cannot_be_drawn_are_refused_in_one_sentence(changes, sentence):
    with pytest.raises(DataError, match=re.escape(sentence)):
        panic_inputs(**changes)


def test_divergence_needs_both_audiences():
    frame = made_index().frame
    index = PanicIndex(frame[frame["audience"] != "institution"].reset_index(drop=True))
    assert views_of(index, "market") == ("all", "public")
    with pytest.raises(DataError, match="no audience 'divergence'"):
        panic_inputs(panic=index, audience="divergence")
