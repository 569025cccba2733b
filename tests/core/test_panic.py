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
            rows.append((scope, "all", session, 1, 6.0, 0.1, 0.1, 40.0, 0.0, 0.0, 0.5, "ok", 3, 1, 2))
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


def readings(public, institution, scope="market"):
    """Rows of both audiences from (session, panic) pairs."""
    rows = [(audience, *pair) for audience, pairs in (
        ("public", public), ("institution", institution)
    ) for pair in pairs]  # fmt: skip
    table = pd.DataFrame(rows, columns=["audience", "session", "panic"])
    table["session"] = pd.to_datetime(table["session"])
    table["panic"] = table["panic"].astype(float)
    rest = {"texts": 1, "quality": "ok", "scope": scope, "z": table["panic"] / 10}
    given = dict.fromkeys(("effective", "session_bearishness", "bearishness", "attention"), 1.0)
    return table.assign(**rest, **given, agreement=0.5)


def test_divergence_is_public_minus_institution_and_nan_where_one_is_unknown():
    index = PanicIndex(
        readings(
            [("2024-01-02", 90), ("2024-01-03", 10), ("2024-01-04", np.nan), ("2024-01-05", 5)],
            [("2024-01-03", 70), ("2024-01-04", 30), ("2024-01-05", 5), ("2024-01-08", 1)],
        )
    )
    found = index.divergence("market")
    assert found.index.strftime("%d").tolist() == ["02", "03", "04", "05", "08"]
    assert found.fillna(999).tolist() == [999, -60, 999, 0, 999]
    assert index.divergence("market", "z").fillna(999).tolist() == [999, -6, 999, 0, 999]
    assert index.audiences == ("institution", "public")
    assert index.readings == ("institution", "public", "divergence")


def test_for_symbols_of_the_divergence_takes_the_markets_until_the_own_begins():
    days = ["2024-01-02", "2024-01-03", "2024-01-04"]
    market = readings([(d, 50) for d in days], [(d, 40) for d in days])
    own = readings([(d, 90) for d in days], [(days[1], 20)], "600519.SH")
    index = PanicIndex(pd.concat([market, own], ignore_index=True))
    at = pd.DatetimeIndex(days)
    found = index.for_symbols(("600519.SH", "000001.SZ"), at, "divergence")
    assert found["600519.SH"].fillna(999).tolist() == [10, 70, 999]
    assert found["000001.SZ"].tolist() == [10, 10, 10]
    z = index.for_symbols(("600519.SH",), at, "divergence", "z")["600519.SH"]
    assert z.fillna(999).tolist() == [1, 7, 999]  # changes over in the session where panic does


def test_divergence_without_one_of_the_audiences_says_so():
    index = PanicIndex(frame())
    assert index.readings == ("all",)
    with pytest.raises(DataError, match="no audience 'public': choose from: all"):
        index.for_symbols(("600519.SH",), SESSIONS, "divergence")


def test_index_out_of_order_is_taken_and_its_doubles_are_found():
    turned = frame().iloc[::-1].reset_index(drop=True)
    assert PanicIndex(turned).one("market")["texts"].tolist() == [1, 1]
    with pytest.raises(DataError, match="two rows"):
        PanicIndex(pd.concat([turned, turned.iloc[:1]], ignore_index=True))
    with pytest.raises(DataError, match="two rows"):
        PanicIndex(frame().iloc[[0, 0, 1, 2, 3]].reset_index(drop=True))


def test_index_of_an_older_run_needs_no_sums():
    assert PanicIndex(frame().drop(columns=["neg", "neu", "pos"])).scopes == ("600519.SH", "market")
