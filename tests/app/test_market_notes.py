"""What a report says of prices, limits, lots, dividends and departures: where it is true, only there."""

import pandas as pd
import pytest

from qushi.app.market_notes import market_notes
from qushi.backtests import Broker, backtest
from qushi.core import Actions, Bars, Listing, Weights
from qushi.core.calendar import sessions
from qushi.market import rules_for

DAYS = sessions("XSHG", "2023-01-03")[:6]


def bars_of(closes, adjustment="raw", **beside) -> Bars:
    rows = [
        {"symbol": symbol, "session": DAYS[t], "close": close, "factor": 1.0, "volume": 1e7}
        for symbol, series in closes.items()
        for t, close in enumerate(series)
        if close is not None
    ]
    frame = pd.DataFrame(rows)
    frame[["open", "high", "low"]] = frame[["close"] * 3].to_numpy()
    return Bars.from_frame(frame, adjustment=adjustment, **beside)


def said(bars, broker=None, **weights) -> list[str]:
    """The notes, in English, of a run that decides the weights at the first close."""
    broker = broker or Broker()
    chosen = weights or {bars.symbols[0].replace(".", "_"): 0.5}
    frame = pd.DataFrame({k.replace("_", "."): [v] for k, v in chosen.items()}, index=DAYS[:1])
    rules = rules_for(bars.calendar)
    notes = market_notes(broker, rules, bars, [backtest(bars, Weights(frame, "test"), broker=broker)])
    assert all(note.zh and note.zh != note.en for note in notes)
    assert not any("{" in note.en + note.zh for note in notes)
    return [note.en for note in notes]


STOCK = {"600000.SH": [10.0] * 6}


def known(closes=STOCK, **beside) -> Bars:
    return bars_of(closes, actions=Actions.none(closes), **beside)


def test_notes_of_raw_bars_with_known_actions_are_none() -> None:
    assert said(known()) == []


def test_notes_of_adjusted_bars_say_that_limits_and_lots_are_off() -> None:
    notes = said(bars_of(STOCK, "adjusted"))
    assert ["never traded" in notes[0], "Fractions" in notes[1], "not enforced" in notes[2]] == [
        True
    ] * 3
    assert "they hold for raw prices only" in notes[2]


def test_notes_of_adjusted_bars_with_limits_and_lots_by_option_say_so() -> None:
    notes = said(bars_of(STOCK, "adjusted"), Broker(limits=True, lots=True))
    source, limits, lots = notes
    assert "never traded" in source
    assert "limits = true" in limits
    assert "lots = true" in lots


def test_notes_of_limits_switched_off_on_raw_prices_say_that_fills_are_too_kind() -> None:
    assert [note for note in said(known(), Broker(limits=False)) if "(limits = false)" in note]


def test_notes_of_an_index_name_it_and_ask_for_no_limits() -> None:
    bars = known({"000300.SH": [3000.0] * 6})
    (note,) = said(bars, Broker(lots=False, limits=False))
    assert note.startswith("000300.SH: an index level cannot be bought")


def test_notes_of_actions_known_from_the_factor_name_the_symbols() -> None:
    closes = {f"60000{j}.SH": [10.0] * 6 for j in range(7)}
    frame = bars_of(closes).frame.copy()
    frame.loc[frame.index.get_level_values("session") >= DAYS[3], "factor"] = 1.1
    bars = Bars.from_frame(frame, actions=Actions.none(["600000.SH"]))
    (note,) = said(bars, **{s.replace(".", "_"): 0.1 for s in closes})
    assert note.startswith("600001.SH, 600002.SH, 600003.SH, 600004.SH, 600005.SH and 1 more: corporate")


def test_notes_of_dividends_reinvested_by_choice_say_so() -> None:
    assert [n for n in said(known(), Broker(dividends="reinvest")) if "asks for it" in n]


def test_notes_of_a_holding_without_bars_to_the_end_name_its_last_session() -> None:
    closes = {"600000.SH": [10.0] * 6, "600001.SH": [10.0, 10.0, 10.0, None, None, None]}
    held = {"600001_SH": 0.5, "600000_SH": 0.1}
    (note,) = said(known(closes), **held)
    assert f"600001.SH ({DAYS[2]:%Y-%m-%d})" in note
    assert said(known(closes), **{"600001_SH": 0.0, "600000_SH": 0.1}) == []


def test_notes_of_a_delisting_say_what_was_paid_out() -> None:
    closes = {"600000.SH": [10.0] * 6, "600001.SH": [10.0, 10.0, 10.0, None, None, None]}
    gone = known(closes, listings={"600001.SH": Listing(delisted=DAYS[3])})
    (note,) = said(gone, Broker(delisting_value=0.3), **{"600001_SH": 0.5, "600000_SH": 0.1})
    assert note.startswith("600001.SH: left the exchange while held, and paid out at 30%")


@pytest.mark.parametrize(("fill", "notes"), [("next_open", 0), ("next_close", 1)])
def test_notes_of_fills_at_the_close_say_so(fill, notes) -> None:
    assert len(said(known(), Broker(fill=fill))) == notes
