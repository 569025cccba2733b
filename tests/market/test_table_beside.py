"""Reference prices, corporate actions and listings of a folder of files, and one file of all symbols."""

import os

import numpy as np
import pandas as pd
import pytest

from bar_files import DAYS, PLAIN, csv, write
from qushi.core import Actions, ConfigError, DataError, Listing
from qushi.core.extensions import build
from qushi.market import BarSource


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, PLAIN)
    return tmp_path


CLOSES = (10.0, 11.0, 5.0, 5.2, 5.1)
FIVE = ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08"]


def priced(*columns):
    """A file of five closes with further columns, given as (name, values)."""
    names = ",".join(name for name, _ in columns)
    rows = [
        f"{day},{c},{c},{c},{c},100," + ",".join(str(values[i]) for _, values in columns)
        for i, (day, c) in enumerate(zip(FIVE, CLOSES, strict=True))
    ]
    return f"date,open,high,low,close,volume,{names}\n" + "\n".join(rows) + "\n"


def test_csv_reference_price_below_the_close_before_becomes_a_factor(folder):
    write(folder, priced(("pre_close", [9.9, 10.0, 5.5, 5.0, 5.1])))
    rows = csv(folder).fetch("600519.SH").one("600519.SH")
    assert rows["pre_close"].tolist() == [9.9, 10.0, 5.5, 5.0, 5.1]
    two = 11.0 / 5.5
    np.testing.assert_allclose(rows["factor"], [1, 1, two, two, two * 5.2 / 5.1], rtol=1e-15)


@pytest.mark.parametrize(("off", "counts"), [(0.0004, False), (0.0006, True), (0.01, True)])
def test_csv_reference_price_off_by_rounding_is_no_action(folder, off, counts):
    write(folder, priced(("pre_close", [9.9, 10.0, 11.0 - off, 5.0, 5.2])))
    assert ((csv(folder).fetch("600519.SH").frame["factor"] != 1).any()) == counts


def test_csv_reference_price_that_is_empty_tells_of_no_action(folder):
    write(folder, priced(("pre_close", ["", 10.0, "", 5.0, 5.2])))
    assert (csv(folder).fetch("600519.SH").frame["factor"] == 1).all()


def test_csv_own_factor_comes_before_the_reference_price(folder):
    write(folder, priced(("pre_close", [9.9, 10.0, 5.5, 5.0, 5.2]), ("factor", [3, 3, 6, 6, 6])))
    assert csv(folder).fetch("600519.SH").frame["factor"].tolist() == [3, 3, 6, 6, 6]


def test_csv_rows_from_the_last_to_the_first_give_the_same_bars(folder):
    text = priced(("pre_close", [9.9, 10.0, 5.5, 5.0, 5.2]))
    write(folder, text)
    once = csv(folder).fetch("600519.SH")
    head, *rows = text.splitlines()
    write(folder, "\n".join([head, *reversed(rows)]) + "\n")
    assert csv(folder).fetch("600519.SH").fingerprint == once.fingerprint


def test_csv_adjusted_close_of_rows_in_reverse_still_starts_at_one(folder):
    head, *rows = priced(("adj", [4, 4.4, 4, 4.16, 4.08])).splitlines()
    write(folder, "\n".join([head, *reversed(rows)]) + "\n")
    factor = csv(folder, columns={"adjusted_close": "adj"}).fetch("600519.SH").frame["factor"]
    np.testing.assert_allclose(factor, [1, 1, 2, 2, 2])


ACTIONS = """symbol,session,cash,bonus,split,rights,rights_price,pay_session
SH600519,2024-01-04,,1.0,,,,
600519.SH,20240108,0.1,,,,,2024-01-10
000001,2024-01-04,1,,,,,
"""


def test_csv_actions_of_a_folder_are_known_and_give_the_factor(folder):
    write(folder, priced(("pre_close", [9.9, 10.0, 11.0, 5.0, 5.2])))  # knows nothing of the bonus
    write(folder, ACTIONS, "actions.csv")
    source = csv(folder, actions="actions.csv")
    bars = source.fetch("600519.SH")
    expected = Actions.from_frame(
        pd.DataFrame(
            {
                "symbol": "600519.SH",
                "session": pd.to_datetime(["2024-01-04", "2024-01-08"]),
                "cash": [0.0, 0.1],
                "bonus": [1.0, 0.0],
                "pay_session": pd.to_datetime([None, "2024-01-10"]),
            }
        )
    )
    assert bars.actions.fingerprint == expected.fingerprint
    two = 11.0 / 5.5
    np.testing.assert_allclose(bars.frame["factor"], [1, 1, two, two, two * 5.2 / 5.1], rtol=1e-12)
    assert source.symbols() == ("600519.SH",)  # the file of actions is no symbol


def test_csv_symbol_without_a_row_in_the_actions_has_had_none(folder):
    write(folder, ACTIONS, "actions.csv")
    write(folder, PLAIN, "600000.SH.csv")
    write(folder, PLAIN, "000001.SH.csv")
    assert csv(folder).fetch("600000.SH").actions.known == frozenset()
    source = csv(folder, actions="actions.csv")
    for symbol in ("600000.SH", "000001.SH"):  # the bare 000001 is the share, not this index
        actions = source.fetch(symbol).actions
        assert (actions.known, len(actions)) == ({symbol}, 0)


def test_csv_actions_may_be_parquet_and_lie_elsewhere(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("elsewhere") / "actions.parquet"
    day = pd.to_datetime(["2024-01-04"])
    pd.DataFrame({"symbol": ["600519.SH"], "session": day, "cash": [1.0]}).to_parquet(path)
    assert len(csv(folder, actions=str(path)).fetch("600519.SH").actions) == 1


def test_csv_actions_are_read_again_when_the_file_changes(folder):
    write(folder, ACTIONS, "actions.csv")
    source = csv(folder, actions="actions.csv")
    assert len(source.fetch("600519.SH").actions) == 1
    write(folder, ACTIONS.splitlines()[0] + "\n", "actions.csv")
    os.utime(folder / "actions.csv", ns=(1, 1))
    assert len(source.fetch("600519.SH").actions) == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("symbol,session,bonuss\n", r"actions\.csv has the column 'bonuss': did you mean 'bonus'"),
        ("symbol,cash\n", r"actions\.csv lacks the column 'session'; it has symbol, cash"),
        ("symbol,session,cash\n600519.SH,soon,1\n", r"row 1: 'soon' in 'session' is not a date"),
        ("symbol,session,cash\n600519.SH,2024-01-04,x\n", r"2024-01-04: 'x' in 'cash' is not a number"),
        ("symbol,session,cash\n600519.SH,,1\n", r"an action of 600519\.SH has no date"),
        ("symbol,session,cash\n600519.SH,2024-01-04,-1\n", r"2024-01-04 has a negative amount"),
    ],
)
def test_csv_unusable_actions_name_file_and_value(folder, text, said):
    write(folder, text, "actions.csv")
    source = csv(folder, actions="actions.csv")
    with pytest.raises(DataError, match=said):
        source.fetch("600519.SH")


def test_csv_listings_of_a_folder_are_read(folder):
    write(
        folder, "symbol,listed,delisted,name\n600519.SH,2001-08-27,,A\n600000.SH,,2024-06-03,\n", "l.csv"
    )
    write(folder, PLAIN, "600000.SH.csv")
    write(folder, PLAIN, "600001.SH.csv")
    source = csv(folder, listings="l.csv")
    assert source.fetch("600519.SH").listings == {
        "600519.SH": Listing(pd.Timestamp("2001-08-27"), None, "A")
    }
    assert source.fetch("600000.SH").listings == {"600000.SH": Listing(None, pd.Timestamp("2024-06-03"))}
    assert source.fetch("600001.SH").listings == {}
    assert source.symbols() == ("600000.SH", "600001.SH", "600519.SH")


def test_csv_listing_named_twice_or_missing_is_refused(folder):
    write(folder, "symbol,listed\n600519.SH,2001-08-27\nsh600519,2001-08-28\n", "l.csv")
    with pytest.raises(DataError, match=r"l\.csv names 600519\.SH 2 times"):
        csv(folder, listings="l.csv").fetch("600519.SH")
    with pytest.raises(ConfigError, match=r"no file .*m\.csv': set 'listings'"):
        csv(folder, listings="m.csv").fetch("600519.SH")


def test_csv_actions_of_adjusted_prices_are_refused(folder):
    table = {"kind": "csv", "folder": str(folder), "adjustment": "adjusted", "actions": "a.csv"}
    with pytest.raises(ConfigError, match="already hold the corporate actions"):
        build("qushi.market.sources", table, BarSource, "[bars]")


def test_csv_one_file_of_all_symbols_is_read_once_and_lists_them(folder, monkeypatch):
    codes = {"sz000001": "000001.SZ", "600519": "600519.SH", "300750.XSHE": "300750.SZ"}
    rows = [f"{d},{code},1,1,1,1,1" for code in codes for d in DAYS]
    write(folder, "date,code,open,high,low,close,volume\n" + "\n".join(rows) + "\n", "all.csv")
    source = csv(folder, pattern="all.csv", columns={"symbol": "code"})
    read, times = pd.read_csv, []
    monkeypatch.setattr(pd, "read_csv", lambda *a, **k: (times.append(1), read(*a, **k))[1])
    assert source.symbols() == tuple(sorted(codes.values()))
    for symbol in codes.values():
        assert len(source.fetch(symbol)) == len(DAYS)
    assert len(times) == 1
