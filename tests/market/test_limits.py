"""Reference prices and bands of whole `Bars`, row by row against the rules of one session."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qushi.core import Actions, Bars, Listing
from qushi.core.calendar import sessions
from qushi.core.extensions import build
from qushi.market import BarSource, load_bars, price_bands, reference_prices, rules_for

CN = rules_for("XSHG")


def market(seed, names, calendar, start, length=60, finest=100):
    """Random closes on no particular tick, ST flags, factors, actions, published references."""
    random = np.random.default_rng(seed)
    days = sessions(calendar, start)[:length]
    parts, actions, listings = [], [], {}
    for name in names:
        kept = np.sort(random.choice(length, length - 8, replace=False))
        walk = random.uniform(0.02, 120) * np.exp(random.normal(0, 0.06, len(kept)).cumsum())
        close = np.maximum(np.round(walk * finest) / finest, 1 / finest)
        frame = pd.DataFrame({"symbol": name, "session": days[kept], "close": close})
        for column in ("open", "high", "low"):
            frame[column] = frame["close"]
        frame["volume"] = 1.0
        frame["st"] = random.random(len(kept)) < 0.3
        frame["factor"] = np.where(np.arange(len(kept)) < random.integers(len(kept)), 1.0, 1.37)
        close = frame["close"] * random.uniform(0.9, 1.1, len(kept))
        frame["pre_close"] = np.where(random.random(len(kept)) < 0.2, close.round(4) + 0.01, np.nan)
        parts.append(frame)
        if random.random() < 0.5:
            ex = days[np.sort(random.choice(length, 4, replace=False))]
            cheap = float(frame["close"].min()) / 10
            amounts = {"cash": cheap, "bonus": 0.5, "rights": 0.1, "rights_price": cheap}
            actions.append(pd.DataFrame({"symbol": name, "session": ex, **amounts}))
        if random.random() < 0.6:
            listings[name] = Listing(days[random.integers(length // 2)])
    known = Actions.from_frame(pd.concat(actions)) if actions else Actions.none()
    return Bars.from_frame(pd.concat(parts), actions=known, listings=listings)


def naive_reference(bars, rules, symbol, session):
    rows = bars.one(symbol)
    at = rows.index.get_loc(session)
    price = rows["pre_close"].iloc[at]
    if np.isnan(price):
        if at == 0:
            return np.nan
        price, last = float(rows["close"].iloc[at - 1]), rows.index[at - 1]
        if symbol in bars.actions.known:
            for ex in bars.actions.one(symbol).index:
                if last < ex <= session:
                    price = bars.actions.reference(symbol, ex, price)
        else:
            price *= rows["factor"].iloc[at - 1] / rows["factor"].iloc[at]
    rounded = rules.round_to_tick(symbol, session, price, "nearest")
    return rounded or rules.tick(symbol, session, 0.0)


MARKETS = {
    "XSHG": ("2020-07-20", "2014-05-20", "2023-03-20", "2026-06-10", "2022-05-05"),
    "XTAI": ("2015-05-04", "2008-09-20", "2005-02-01"),
    "XNYS": ("2024-01-02",),
}
NAMES = {
    "XSHG": ("600000.SH", "300750.SZ", "688001.SH", "430047.BJ", "510300.SH", "159915.SZ", "900901.SH",
             "113050.SH", "000300.SH"),
    "XTAI": ("2330.TW", "0050.TW"),
    "XNYS": ("AAPL",),
}  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([(c, d) for c, days in MARKETS.items() for d in days]))
def test_bars_at_once_equal_the_scalar_rules_in_every_row(seed, when):
    calendar, start = when
    rules = rules_for(calendar)
    finest = 10 ** (2 + seed % 3)
    bars = market(seed, NAMES[calendar][: 3 + seed % 7], calendar, start, finest=finest)
    references, (low, high) = reference_prices(bars, rules), price_bands(bars, rules)
    for table in (references, low, high):
        assert list(table.columns) == list(bars.symbols)
        assert table.index.equals(bars.sessions)
    for (symbol, session), row in bars.frame.iterrows():
        reference = references.loc[session, symbol]
        np.testing.assert_equal(reference, naive_reference(bars, rules, symbol, session))
        listing = bars.listings.get(symbol, Listing())
        band = rules.price_band(symbol, session, reference, st=bool(row["st"]), listed=listing.listed)
        found = (low.loc[session, symbol], high.loc[session, symbol])
        np.testing.assert_equal(found, band or (np.nan, np.nan), err_msg=f"{symbol} {session}")


@pytest.mark.parametrize(("calendar", "symbol"), [("XSHG", "600000.SH"), ("XTAI", "2330.TW")])
def test_bars_at_once_equal_the_scalar_rules_where_a_tick_is_wider_than_the_limit(calendar, symbol):
    rules = rules_for(calendar)
    frame = small(close=[cents / 100 for cents in range(1, 40)]).assign(symbol=symbol, st=True)
    frame["session"] = sessions(calendar, "2024-01-02")[: len(frame)]
    low, high = (table[symbol].tolist()[1:] for table in price_bands(Bars.from_frame(frame), rules))
    days, closes = frame["session"][1:], frame["close"][:-1]
    scalar = [
        rules.price_band(symbol, day, close, st=True) for day, close in zip(days, closes, strict=True)
    ]
    assert list(zip(low, high, strict=True)) == scalar
    assert scalar[0] == (0.01, 0.02)


def test_bars_at_once_sessions_without_a_row_have_no_reference():
    bars = market(1, NAMES["XSHG"][:2], "XSHG", "2024-01-02")
    absent = bars.wide("close").isna()
    assert absent.any(axis=None)
    assert reference_prices(bars, CN)[absent].isna().all(axis=None)
    assert price_bands(bars, CN)[0][absent].isna().all(axis=None)


def small(**columns):
    days = sessions("XSHG", "2024-01-02")[: len(columns["close"])]
    frame = pd.DataFrame({"symbol": "600000.SH", "session": days, "volume": 1.0, **columns})
    return frame.assign(open=frame["close"], high=frame["close"], low=frame["close"])


def test_reference_of_the_worked_action():
    frame = small(close=[30.0, 20.0, 21.0])
    ex = frame["session"][1]
    actions = Actions.from_frame(
        pd.DataFrame({"symbol": ["600000.SH"], "session": [ex], "cash": [1.0], "bonus": [0.5]})
    )
    bars = Bars.from_frame(frame, actions=actions)
    assert reference_prices(bars, CN)["600000.SH"].tolist()[1:] == [19.33, 20.0]
    low, high = price_bands(bars, CN)
    assert (low["600000.SH"].iloc[1], high["600000.SH"].iloc[1]) == (17.40, 21.26)


def test_reference_known_actions_go_before_the_factor_and_the_published_price_before_both():
    frame = small(close=[10.0, 10.0, 10.0], factor=[1.0, 2.0, 2.0])
    days = frame["session"]
    told = Actions.none(["600000.SH"])
    one = "600000.SH"
    assert reference_prices(Bars.from_frame(frame), CN)[one].tolist()[1:] == [5.0, 10.0]
    assert reference_prices(Bars.from_frame(frame, actions=told), CN)[one].tolist()[1:] == [10.0] * 2
    frame["pre_close"] = [9.5, 7.0, np.nan]
    found = reference_prices(Bars.from_frame(frame, actions=told), CN)[one]
    assert found.tolist() == [9.5, 7.0, 10.0]
    assert found.index.equals(pd.DatetimeIndex(days, name="session"))


def test_reference_and_band_use_nothing_later():
    bars = market(5, NAMES["XSHG"], "XSHG", "2020-07-20")
    cut = bars.sessions[40]
    references, (low, high) = reference_prices(bars, CN), price_bands(bars, CN)
    short = bars.between(None, cut)
    pd.testing.assert_frame_equal(reference_prices(short, CN), references[:cut])
    for one, all_of_it in zip(price_bands(short, CN), (low, high), strict=True):
        pd.testing.assert_frame_equal(one, all_of_it[:cut])


def test_adjusted_bars_have_bands_without_rounding():
    frame = small(close=[4.567, 4.6789])
    bars = Bars.from_frame(frame, adjustment="adjusted")
    low, high = price_bands(bars, CN)
    assert reference_prices(bars, CN)["600000.SH"].tolist()[1] == 4.567
    assert low["600000.SH"].iloc[1] == pytest.approx(4.567 * 0.9, rel=1e-12)
    assert high["600000.SH"].iloc[1] == pytest.approx(4.567 * 1.1, rel=1e-12)


def test_bands_setting_of_a_listing_goes_before_that_of_the_bars():
    frame = small(close=[10.0] * 8)
    first, third = frame["session"][0], frame["session"][2]
    bars = Bars.from_frame(frame, listings={"600000.SH": Listing(first)})
    rules = rules_for("XSHG", listed={"600000.SH": third.date()})
    assert price_bands(bars, CN)[0]["600000.SH"].isna().tolist() == [True] * 5 + [False] * 3
    assert price_bands(bars, rules)[0]["600000.SH"].isna().tolist() == [True, False] + [True] * 5 + [
        False
    ]


@pytest.mark.shared_data
def test_bands_hold_every_real_raw_bar_and_are_reached(shared_data):
    table = {
        "kind": "csv",
        "folder": str(shared_data / "ashare_tushare_mit_2015_2023"),
        "columns": {"session": "trade_date", "symbol": "ts_code", "volume": "vol"},
        "volume_unit": 100,
        "amount_unit": 1000,
        "adjustment": "raw",
    }
    source = build("qushi.market.sources", table, BarSource, "test")
    bars = load_bars(source, ["000001.SZ", "600028.SH", "000651.SZ"])
    paths = (shared_data / "ashare_tushare_mit_2015_2023").glob("*.csv")
    told = pd.concat([pd.read_csv(path) for path in paths])
    told["session"] = pd.to_datetime(told["trade_date"].astype(str))
    told = told.pivot(index="session", columns="ts_code", values="pre_close")
    frame = bars.frame.assign(pre_close=told.stack().reindex(bars.frame.index.swaplevel()).to_numpy())
    low, high = price_bands(Bars.from_frame(frame), CN)
    known = high.notna()
    assert known.sum().sum() > 5000
    assert not (bars.wide("high") > high).any(axis=None)
    assert not (bars.wide("low") < low).any(axis=None)
    assert (bars.wide("high") == high).sum().sum() > 20, "limits are reached to the cent"
    assert (bars.wide("low") == low).sum().sum() > 5
