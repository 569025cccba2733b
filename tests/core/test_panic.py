import numpy as np
import pandas as pd
import pytest

from qushi.core import DataError, PanicIndex
from qushi.core.panic import COLUMNS

SESSIONS = pd.DatetimeIndex(["2024-01-02", "2024-01-03"])


def frame(**change):
    rows = []
    for scope in ("600519.SH", "market"):
        for session in SESSIONS:
            rows.append((scope, "all", session, 1, 6.0, 0.1, 0.1, 40.0, 0.0, 0.0, 0.5, "ok"))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.assign(**change)


def test_one_gives_a_scope_indexed_by_session():
    found = PanicIndex(frame()).one("market")
    assert found.index.tolist() == SESSIONS.tolist()
    assert "scope" not in found.columns


def test_one_with_a_misspelt_scope_or_audience_offers_the_near_one():
    index = PanicIndex(frame())
    with pytest.raises(DataError, match=r"did you mean '600519\.SH'"):
        index.one("600519.SZ")
    with pytest.raises(DataError, match="no audience 'public'"):
        index.one("market", "public")


def test_for_symbols_takes_the_own_scope_else_the_market_and_never_fills():
    table = frame()
    table.loc[table["scope"] == "market", "panic"] = [np.nan, 70.0]
    sessions = SESSIONS.append(pd.DatetimeIndex(["2024-01-04"]))
    found = PanicIndex(table).for_symbols(("600519.SH", "000001.SZ"), sessions)
    assert found["600519.SH"].tolist()[:2] == [40.0, 40.0]
    assert found["000001.SZ"].isna().tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"panic": 101.0}, "within 0 and 100"),
        ({"quality": "good"}, "quality is one of"),
        ({"session": SESSIONS[0]}, "two rows"),
    ],
)
def test_index_with_a_broken_invariant_raises_one_sentence(change, message):
    with pytest.raises(DataError, match=message):
        PanicIndex(frame(**change))


def test_index_without_a_column_names_it():
    with pytest.raises(DataError, match="lacks the column 'z'"):
        PanicIndex(frame().drop(columns="z"))


def test_for_symbols_follows_the_market_until_the_own_scope_begins_and_never_again():
    table = frame()
    days = pd.DatetimeIndex(["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"])
    own = [np.nan, 30.0, np.nan, 90.0]
    both = pd.concat([table.iloc[:2], table.iloc[:2]]).assign(session=days)
    market = both.assign(scope="market", panic=[1.0, 2.0, 3.0, 4.0], z=0.5)
    index = PanicIndex(pd.concat([both.assign(panic=own, z=1.5), market], ignore_index=True))
    found = index.for_symbols(("600519.SH",), days)["600519.SH"]
    assert found.tolist()[:2] == [1.0, 30.0]
    assert found.isna().tolist() == [False, False, True, False]
    z = index.for_symbols(("600519.SH",), days, column="z")["600519.SH"]
    assert z.tolist() == [0.5, 1.5, 1.5, 1.5]  # every column changes over in the same session


def test_for_symbols_with_a_later_first_text_is_unchanged_before_it():
    table = frame()
    market = table[table["scope"] == "market"]
    before = PanicIndex(market).for_symbols(("600519.SH",), SESSIONS)
    named = table.copy()
    named.loc[(named["scope"] != "market") & (named["session"] == SESSIONS[0]), "panic"] = np.nan
    after = PanicIndex(named).for_symbols(("600519.SH",), SESSIONS)
    assert after.iloc[0].equals(before.iloc[0])
