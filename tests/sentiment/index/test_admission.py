"""Which texts count, when, how much and for whom: against a second computation in plain loops."""

import math

import numpy as np
import pandas as pd
import pytest

from panic_texts import GRID, SYMBOLS, eventful, scored
from qushi.core import DataError, Texts
from qushi.core.calendar import session_of
from qushi.sentiment.identity import normalised
from qushi.sentiment.index.admission import admit, named_scopes, once_a_session, place, weight_warnings
from qushi.sentiment.index.panic import PanicSettings, panic_index
from qushi.sentiment.index.sectors import Sectors

PLAIN = PanicSettings()


def dated(rows, **columns):
    """Texts from (id, local time, body, id of the first version or None)."""
    frame = pd.DataFrame(rows, columns=["id", "published_at", "body", "version_of"])
    local = pd.to_datetime(frame["published_at"], format="ISO8601")
    frame["published_at"] = local.dt.tz_localize("Asia/Shanghai")
    return Texts.from_frame(frame.assign(audience="public", **columns))


def admitted(texts, settings=PLAIN):
    return admit(texts, scored(texts), "XSHG", settings)


def naive_ids(texts):
    """Ids that count, by loops over sessions and texts."""
    frame = texts.frame.assign(at=texts.available_at, content=texts.contents)
    frame["session"] = session_of(pd.DatetimeIndex(frame["at"]), "XSHG")
    frame["number"] = [int(i.partition("@")[2] or 1) for i in frame["id"]]
    by_text = {}
    for row in frame.itertuples():
        by_text.setdefault(row.version_of or row.id, []).append(row)
    counted = []
    for versions in by_text.values():
        versions.sort(key=lambda row: (row.at, row.number))
        new = [v for k, v in enumerate(versions) if not k or v.content != versions[k - 1].content]
        last_of = {}
        for version in new:
            last_of[version.session] = version
        counted += last_of.values()
    counted.sort(key=lambda row: row.Index)
    seen, ids = set(), []
    for row in counted:
        copy = (row.source, row.symbol, normalised(row.content), row.session)
        if row.id.startswith("text:") and copy in seen:
            continue
        if row.id.startswith("text:"):
            seen.add(copy)
        ids.append(row.id)
    return ids


@pytest.mark.parametrize("seed", range(6))
def test_admit_of_versions_and_copies_equals_the_loops(seed):
    texts = eventful(seed, days=40, rate=6.0)
    found = admitted(texts)
    assert found["id"].tolist() == naive_ids(texts)
    assert len(found) < len(texts)


def test_last_version_of_a_session_counts_and_a_later_one_counts_again():
    rows = [
        ("a", "2024-03-04 10:00", "一", None),
        ("a@2", "2024-03-04 11:00", "二", "a"),
        ("a@10", "2024-03-04 11:00", "四", "a"),  # same second, sorted before a@2 by its id
        ("a@11", "2024-03-05 09:00", "四", "a"),  # the same words: no new version
        ("a@12", "2024-03-06 15:00:01", "五", "a"),
    ]
    found = admitted(dated(rows))
    assert found["id"].tolist() == ["a@10", "a@12"]
    assert found["session"].dt.strftime("%m-%d").tolist() == ["03-04", "03-07"]


def test_version_that_returns_to_earlier_words_is_an_edit():
    rows = [
        ("a", "2024-03-04 10:00", "一", None),
        ("a@2", "2024-03-05 10:00", "二", "a"),
        ("a@3", "2024-03-06 10:00", "一", "a"),
    ]
    assert admitted(dated(rows))["id"].tolist() == ["a", "a@2", "a@3"]


def test_place_keeps_all_versions_until_the_session_is_over():
    rows = [("a", "2024-03-04 10:00", "一", None), ("a@2", "2024-03-04 11:00", "二", "a")]
    texts = dated(rows)
    placed = place(texts, scored(texts), "XSHG", PLAIN)
    assert placed["id"].tolist() == ["a", "a@2"]
    assert once_a_session(placed)["id"].tolist() == ["a@2"]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ("given", [2.0, 2.0, 2.0]),
        ("none", [1.0, 1.0, 1.0]),
        ("reads", [1 + math.log(101), 1.0, 1.0]),
        ("comments", [1 + math.log(10), 1 + math.log(2), 1.0]),
        ("both", [(1 + math.log(101)) * (1 + math.log(10)), 1 + math.log(2), 1.0]),
    ],
)
def test_weights_are_those_that_the_settings_name_and_unknown_counts_weigh_one(weights, expected):
    rows = [(name, "2024-03-04 10:00", name, None) for name in "abc"]
    texts = dated(rows, weight=2.0, reads=[100.0, 0.0, np.nan], comments=[9.0, 1.0, np.nan])
    found = admitted(texts, PanicSettings(weights=weights))
    assert found[["neg", "neu", "pos"]].sum(axis=1).tolist() == pytest.approx(expected)


def test_weight_warnings_count_the_texts_whose_counts_have_no_time():
    rows = [(name, "2024-03-04 10:00", name, None) for name in "abcd"]
    seen = pd.to_datetime(["2024-03-04 10:05", None, None, None]).tz_localize("Asia/Shanghai")
    texts = dated(rows, reads=[1.0, 2.0, 3.0, np.nan], comments=[1.0, np.nan, np.nan, 4.0])
    texts = Texts.from_frame(texts.frame.assign(first_seen=seen))
    for weights, n, known in (("reads", 2, 3), ("comments", 1, 2), ("both", 3, 4)):
        (said,) = weight_warnings(texts, PanicSettings(weights=weights))
        assert f"{n} of the {known} texts" in said.en
        assert f"{known} 条文本中，有 {n} 条" in said.zh
    for weights in ("given", "none"):
        assert weight_warnings(texts, PanicSettings(weights=weights)) == ()
    dated_all = Texts.from_frame(texts.frame.assign(first_seen=texts.frame["published_at"]))
    assert weight_warnings(dated_all, PanicSettings(weights="both")) == ()


def test_named_scopes_of_random_texts_equal_the_loops():
    table = admitted(eventful(3, days=60))
    halves = pd.DataFrame(
        {
            "sector": ["酒", "酒", "金融", "金融", "酒"],
            "symbol": [*SYMBOLS, SYMBOLS[2]],
            "since": pd.to_datetime([None, GRID[30], None, None, GRID[10]]),
            "until": pd.to_datetime([GRID[40], None, None, GRID[20], GRID[35]]),
        }
    )
    rows, codes, names = named_scopes(table, Sectors(halves))
    found = sorted(zip(rows.tolist(), (names[c] for c in codes), strict=True))
    expected = []
    for place_, row in enumerate(table.itertuples()):
        symbols = {row.symbol, *row.mentions.split()} - {None}
        sectors = {
            f"sector:{s.sector}"
            for s in halves.itertuples()
            if s.symbol in symbols and not s.since > row.session and not s.until < row.session
        }
        expected += [(place_, name) for name in symbols | sectors]
    assert found == sorted(expected)
    assert len({name for _, name in found}) == 6


def test_text_that_names_several_symbols_counts_once_in_each_and_once_in_the_market():
    texts = dated(
        [("a", "2024-03-04 10:00", "一", None)],
        symbol="600519.SH",
        mentions="000858.SZ 600519.SH  601318.SH",
    )
    both = Sectors.of({"酒": ["600519.SH", "000858.SZ"], "空": ["000001.SZ"]})
    index = panic_index(texts, scored(texts), "XSHG", sectors=both)
    assert index.scopes == ("000858.SZ", "600519.SH", "601318.SH", "market", "sector:酒")
    assert all(index.one(scope)["texts"].tolist() == [1] for scope in index.scopes)


def test_texts_without_any_symbol_have_the_market_alone():
    texts = dated([("a", "2024-03-04 10:00", "一", None)])
    assert panic_index(texts, scored(texts), "XSHG", sectors=Sectors.of({"酒": ["x.SH"]})).scopes == (
        "market",
    )


def test_text_after_the_last_known_session_is_refused():
    texts = dated([("a", "2099-03-04 10:00", "一", None)])
    with pytest.raises(DataError, match="'a' is dated after the last known session of XSHG"):
        admitted(texts)
