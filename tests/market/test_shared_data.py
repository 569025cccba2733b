"""Every layout of the real data folders is read with a few lines of config and checked."""

import numpy as np
import pandas as pd
import pytest

from qushi.core import Bars, DataError
from qushi.core.extensions import build
from qushi.market import BarSource, check_bars, compare_bars, load_bars

pytestmark = pytest.mark.shared_data

LAYOUTS = {
    "akshare": {
        "folder": "${QUSHI_SHARED_DATA}/ashare_akshare_2010_2026",
        "pattern": "{code}.csv",
        "files": {"000001.SH": "sh000001.csv", "000300.SH": "sh000300.csv"},
        "adjustment": "adjusted",
    },
    "tushare": {
        "folder": "${QUSHI_SHARED_DATA}/ashare_tushare_mit_2015_2023",
        "columns": {"session": "trade_date", "symbol": "ts_code", "volume": "vol"},
        "volume_unit": 100,
        "amount_unit": 1000,
        "adjustment": "raw",
    },
    "tushare_slashes": {
        "folder": "${QUSHI_SHARED_DATA}/ashare_tushare_mit_2015_2023",
        "columns": {"session": "ts_date", "volume": "vol"},
        "date_format": "%Y/%m/%d",
        "volume_unit": 100,
        "amount_unit": 1000,
        "adjustment": "raw",
    },
    "baostock": {
        "folder": "${QUSHI_SHARED_DATA}/ashare_baostock_2000_2020",
        "columns": {"symbol": "code", "pre_close": "preclose"},
        "adjustment": "adjusted",
        "suspended": {"column": "tradestatus", "value": 0},
        "st": {"column": "isST", "value": 1},
    },
    "index_baostock": {
        "folder": "${QUSHI_SHARED_DATA}/ashare_index_baostock_1990_2026",
        "pattern": "{exchange}{code}.csv",
        "adjustment": "raw",
        "on_bad": "drop",
    },
    "total_return": {
        "folder": "${QUSHI_SHARED_DATA}/ashare_index_baostock_1990_2026",
        "pattern": "{symbol}.csv",
        "columns": {"open": "close", "high": "close", "low": "close"},
        "default_volume": 0,
        "calendar": "XSHG",
        "adjustment": "adjusted",
        "off_calendar": "drop",
    },
    "us_ibkr": {
        "folder": "${QUSHI_SHARED_DATA}/us_ibkr_2016_2026",
        "adjustment": "adjusted",
    },
    "tw_yahoo": {
        "folder": "${QUSHI_SHARED_DATA}/tw_0050",
        "files": {"0050.TW": "0050.TW_2008_2022.csv"},
        "columns": {"adjusted_close": "Adj Close"},
        "adjustment": "raw",
        "off_calendar": "drop",
        "on_bad": "drop",
    },
    "tw_zoned": {
        "folder": "${QUSHI_SHARED_DATA}/tw_0050",
        "files": {"0050.TW": "0050_2024_2026.csv"},
        "adjustment": "adjusted",
    },
    "sp500": {
        "folder": "${QUSHI_SHARED_DATA}/jaungiers",
        "files": {"SPX": "sp500.csv"},
        "date_format": "%d-%m-%y",
        "adjustment": "raw",
    },
    "vix": {
        "folder": "${QUSHI_SHARED_DATA}/vix_pddl",
        "files": {"VIX": "vix-daily.csv"},
        "default_volume": 0,
        "adjustment": "raw",
        "off_calendar": "drop",
        "on_bad": "drop",
    },
}


def source(shared_data, layout, **changes):
    table = {"kind": "csv", **LAYOUTS[layout], **changes}
    return build("qushi.market.sources", table, BarSource, "[bars]")


@pytest.mark.parametrize(
    ("layout", "symbol", "rows", "first", "last"),
    [
        ("akshare", "000300.SH", None, "2010-01-04", "2026-06-16"),
        ("akshare", "000001.SZ", None, "2010-01-04", "2026-06-16"),
        ("akshare", "600519.SH", None, "2010-01-04", "2026-06-16"),
        ("tushare", "000001.SZ", 2006, "2015-01-05", "2023-03-31"),
        ("tushare_slashes", "000651.SZ", 1849, "2015-01-05", "2023-03-31"),
        ("baostock", "000001.SZ", 5002, "2000-01-04", "2020-08-24"),
        ("index_baostock", "000852.SH", None, "2005-01-04", "2026-07-31"),
        ("index_baostock", "399001.SZ", None, None, "2026-07-31"),
        ("index_baostock", "300750.SZ", None, "2018-06-11", "2026-07-31"),
        ("total_return", "h00300", None, "2005-01-04", "2026-07-31"),
        ("us_ibkr", "BRK.B", None, None, "2026-08-21"),
        ("tw_yahoo", "0050.TW", None, "2008-01-02", "2022-10-21"),
        ("tw_zoned", "0050.TW", 484, "2024-03-25", "2026-03-24"),
        ("sp500", "SPX", 4697, "2000-01-03", "2018-08-31"),
        ("vix", "VIX", None, "1990-01-02", "2026-07-23"),
    ],
)
def test_csv_real_layout_gives_bars(shared_data, layout, symbol, rows, first, last):
    from_files = source(shared_data, layout)
    bars = from_files.fetch(symbol)
    assert bars.symbols == (symbol,)
    if rows is not None:
        assert len(bars) == rows
    if first is not None:
        assert bars.sessions[0] == pd.Timestamp(first)
    assert bars.sessions[-1] == pd.Timestamp(last)
    assert symbol in from_files.symbols()
    found = check_bars(bars)
    assert len(found) < 120, [(f.kind, f.detail) for f in found][:20]


def test_csv_akshare_folder_lists_and_loads_every_symbol(shared_data):
    from_files = source(shared_data, "akshare")
    symbols = from_files.symbols()
    assert len(symbols) == 49
    assert {"000001.SH", "000001.SZ", "000300.SH", "600519.SH"} <= set(symbols)
    bars = load_bars(from_files, symbols[:6], "2015-01-01", "2015-12-31")
    assert bars.symbols == symbols[:6]


def test_csv_share_and_index_of_one_code_are_not_confused(shared_data):
    plain = source(shared_data, "akshare", files={})
    with pytest.raises(DataError, match=r"000001\.SZ, not 000001\.SH"):
        plain.fetch("000001.SH")


def test_csv_tushare_units_make_amount_over_volume_a_price(shared_data):
    frame = source(shared_data, "tushare").fetch("600028.SH").one("600028.SH")
    vwap = frame["amount"] / frame["volume"]
    # The vendor rounds, so a cent of slack beside the day's range.
    assert ((vwap > frame["low"] - 0.01) & (vwap < frame["high"] + 0.01)).all()


def test_csv_tushare_wrong_unit_is_found(shared_data):
    wrong = source(shared_data, "tushare", volume_unit=1).fetch("600028.SH")
    assert "unit" in {f.kind for f in check_bars(wrong)}


def test_csv_baostock_suspended_sessions_are_flagged(shared_data):
    frame = source(shared_data, "baostock").fetch("000001.SZ").one("000001.SZ")
    assert frame["suspended"].sum() == 161
    assert (frame.loc[frame["suspended"], "volume"] == 0).all()


def test_csv_two_digit_years_keep_their_century(shared_data):
    assert source(shared_data, "sp500").fetch("SPX").sessions.is_monotonic_increasing


def test_csv_vix_without_declared_volume_is_refused(shared_data):
    with pytest.raises(DataError, match=r"volume.*default_volume"):
        source(shared_data, "vix", default_volume=None).fetch("VIX")


def test_csv_taiwan_dropped_rows_are_named(shared_data):
    from_files = source(shared_data, "tw_yahoo")
    from_files.fetch("0050.TW")
    notes = from_files.take_notes()
    assert any("not a session of XTAI" in n for n in notes)
    with pytest.raises(DataError, match=r"0050\.TW on 20\d\d-\d\d-\d\d is not a session"):
        source(shared_data, "tw_yahoo", off_calendar="error").fetch("0050.TW")


def test_check_real_index_false_print_is_found(shared_data):
    bars = source(shared_data, "index_baostock").fetch("000852.SH")
    jumps = {f.session for f in check_bars(bars) if f.kind == "jump"}
    assert pd.Timestamp("2012-01-04") in jumps


def test_check_real_index_without_fault_has_no_jump(shared_data):
    bars = source(shared_data, "akshare").fetch("000300.SH")
    assert check_bars(bars) == ()


def reference_ratio(shared_data, symbol):
    """The exchange's reference price over the close before, read without any of our code."""
    raw = pd.read_csv(shared_data / "ashare_tushare_mit_2015_2023" / f"{symbol}.csv")
    at = pd.to_datetime(raw["trade_date"].astype(str))
    return pd.Series((raw["pre_close"] / raw["close"].shift(1)).to_numpy(), index=at).dropna()


def test_check_real_unadjusted_share_missed_adjustments_are_found(shared_data):
    bars = source(shared_data, "tushare").fetch("000651.SZ")
    as_if_none = Bars.from_frame(bars.frame.assign(factor=1.0, pre_close=np.nan))
    ratio = reference_ratio(shared_data, "000651.SZ")
    # Where the exchange's reference lies far below the last close, a bonus issue went unadjusted.
    missed = set(ratio.index[ratio < 0.8])
    assert missed
    assert missed <= {f.session for f in check_bars(as_if_none) if f.kind == "jump"}
    assert not [f for f in check_bars(bars) if f.kind == "jump"]


@pytest.mark.parametrize("symbol", ["000001.SZ", "600028.SH", "000651.SZ"])
def test_csv_real_reference_prices_become_the_factor(shared_data, symbol):
    rows = source(shared_data, "tushare").fetch(symbol).one(symbol)
    ratio = reference_ratio(shared_data, symbol)
    dividends = ratio[(ratio - 1).abs() > 1e-9]
    step = rows["factor"] / rows["factor"].shift(1)
    assert set(step.index[(step - 1).abs() > 1e-9]) == set(dividends.index)
    np.testing.assert_allclose(step[dividends.index], 1 / dividends, rtol=1e-12)
    assert 5 <= len(dividends) <= 20  # one or two dividends a year
    assert rows["pre_close"].notna().all()


def test_csv_real_factor_agrees_with_another_vendors_adjusted_prices(shared_data):
    """Returns that include dividends are the same, wherever the adjustment is anchored."""
    ours = source(shared_data, "tushare").fetch("000001.SZ").adjusted()["000001.SZ"]
    theirs = source(shared_data, "baostock").fetch("000001.SZ").one("000001.SZ")["close"]
    both = pd.concat([ours.pct_change(), theirs.pct_change()], axis=1, join="inner").dropna()
    assert len(both) > 1000
    assert (both.iloc[:, 0] - both.iloc[:, 1]).abs().max() < 2e-3  # theirs is rounded after adjusting


def test_check_real_shares_suspension_gaps_are_few_findings(shared_data):
    bars = source(shared_data, "akshare").fetch("000002.SZ")
    gaps = [f for f in check_bars(bars) if f.kind == "gap"]
    longest = max(int(f.detail.split()[3]) for f in gaps if "sessions" in f.detail)
    assert longest > 50
    assert len(gaps) < 30


def test_sample_csi300_equals_another_vendors(shared_data):
    ours = build("qushi.market.sources", {"kind": "sample"}, BarSource, "[bars]").fetch("000300.SH")
    theirs = source(shared_data, "akshare").fetch("000300.SH")
    both = ours.one("000300.SH").join(theirs.one("000300.SH"), rsuffix="_other", how="inner")
    assert len(both) > 3000
    for name in ("open", "high", "low", "close", "volume"):
        np.testing.assert_allclose(both[name], both[f"{name}_other"], rtol=2e-6)


@pytest.mark.parametrize("symbol", ["000001.SZ", "600028.SH", "000651.SZ"])
def test_check_real_raw_shares_stay_within_the_limits_and_follow_their_references(shared_data, symbol):
    found = {f.kind for f in check_bars(source(shared_data, "tushare").fetch(symbol))}
    assert found.isdisjoint({"band", "reference", "action", "jump", "unit"})


def compared(shared_data, symbol, one, other, **changes):
    a = source(shared_data, one).fetch(symbol)
    return compare_bars(a, source(shared_data, other, **changes).fetch(symbol), (one, other))


def test_compare_real_share_adjusted_to_another_day_agrees_on_every_session(shared_data):
    found = compared(shared_data, "600036.SH", "akshare", "index_baostock", adjustment="adjusted")
    kinds = [d.kind for d in found.differences]
    assert kinds == ["sessions", "sessions", "suspension", "scale"]
    assert len(found.common) > 3900
    assert found.agreed.equals(found.common)


def test_compare_real_raw_and_adjusted_prices_agree_after_the_factor(shared_data):
    found = compared(shared_data, "000651.SZ", "tushare", "baostock")
    assert {d.kind for d in found.differences} == {"sessions", "suspension", "adjustment", "scale"}
    assert found.agreed.equals(found.common)


def test_compare_real_false_closes_are_named(shared_data):
    found = compared(shared_data, "600519.SH", "akshare", "index_baostock", adjustment="adjusted")
    odd = [d for d in found.differences if d.kind == "print"]
    assert [f"{d.first:%Y-%m-%d}" for d in odd] == ["2015-12-03", "2017-02-27"]
    assert all(d.detail.startswith("close ") for d in odd)
    assert len(found.common) - len(found.agreed) == 2
