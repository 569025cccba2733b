"""What the exchanges and the index publishers say through akshare: listings, names, members."""

import pandas as pd
import pytest

from qushi.core import ConfigError, DataError, SourceError
from qushi.market.sources.akshare import Akshare
from qushi.market.sources.sample import Sample

NOT_KNOWN = "are not known from akshare, all are left off"


def source(**settings):
    return Akshare(**{"pause": 0, "first_wait": 0, "attempts": 1, "timeout": 5, **settings})


def day(text):
    return pd.Timestamp(text)


# Listings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "name", "listed"),
    [
        ("600519.SH", "甲股份", "2001-08-27"),
        ("688981.SH", "乙芯片", "2020-07-16"),
        ("000001.SZ", "丙银行", "1991-04-03"),
        ("300750.SZ", "丁时代", "2018-06-11"),
        ("830799.BJ", "戊融资", "2021-11-15"),
    ],
)
def test_akshare_listing_of_a_share_has_day_and_name(sites, symbol, name, listed):
    code, _, exchange = symbol.rpartition(".")
    sites.answer.lists[exchange][code] = (name, listed)
    found = source().fetch(symbol).listings[symbol]
    assert (found.listed, found.delisted, found.name) == (day(listed), None, name)


@pytest.mark.parametrize("symbol", ["600519.SH", "000001.SZ"])
def test_akshare_delisted_share_says_until_when_and_is_not_called_late(sites, symbol):
    code, _, exchange = symbol.rpartition(".")
    sites.answer.stocks[symbol].rows = sites.answer.stocks[symbol].rows.loc[:"2023-06-01"]
    sites.answer.gone[exchange][code] = ("退市某", "1999-11-10", "2023-06-02")
    taken = source()
    found = taken.fetch(symbol).listings[symbol]
    assert (found.listed, found.delisted) == (day("1999-11-10"), day("2023-06-02"))
    assert not any("ends on" in note for note in taken.take_notes())


def test_akshare_listings_are_asked_for_once_an_exchange(sites):
    taken = source()
    for symbol in ("600519.SH", "688981.SH", "600519.SH"):
        taken.fetch(symbol)
    assert sites.times("ommonQuery.do") == 3  # main, STAR, delisted


def test_akshare_listing_that_cannot_be_had_is_said_once_and_costs_no_bars(sites):
    good = sites.answer
    sites.answer = lambda path, query: (403, "") if "ommonQuery" in path else good(path, query)
    taken = source()
    assert taken.fetch("600519.SH").listings == {}
    assert taken.fetch("688981.SH").listings == {}
    notes = taken.take_notes()
    assert sum("listing dates of .SH are not known" in note for note in notes) == 1
    assert sites.times("ommonQuery") == 1


@pytest.mark.parametrize("symbol", ["510300.SH", "000300.SH"])
def test_akshare_funds_and_indices_have_no_listing(sites, symbol):
    assert source().fetch(symbol).listings == {}
    assert sites.times("ommonQuery") == 0


# Special treatment --------------------------------------------------------------------------------


def test_akshare_special_treatment_in_shenzhen_follows_the_dated_names(sites):
    sites.answer.lists["SZ"]["000001"] = ("丙银行", "1991-04-03")
    sites.answer.renamed = [
        ("2023-05-10", "000001", "*ST丙", "丙银行"),
        ("2023-02-20", "000001", "丙 银行", "*ST丙"),
        ("2023-03-01", "000002", "别家", "ST别家"),
    ]
    taken = source()
    flags = taken.fetch("000001.SZ").one("000001.SZ")["st"]
    inside = (flags.index >= "2023-02-20") & (flags.index < "2023-05-10")
    assert list(flags) == list(inside)
    assert not any(NOT_KNOWN in note for note in taken.take_notes())


def test_akshare_special_treatment_before_the_first_renaming_is_in_its_old_name(sites):
    sites.answer.lists["SZ"]["000001"] = ("丙银行", "1991-04-03")
    sites.answer.renamed = [("2023-05-10", "000001", "SST丙", "丙银行")]
    flags = source().fetch("000001.SZ").one("000001.SZ")["st"]
    assert list(flags) == list(flags.index < "2023-05-10")


def test_akshare_todays_special_treatment_is_never_applied_to_the_past(sites):
    """The name says ST and no dated change says since when: unknown, and said."""
    sites.answer.lists["SZ"]["000001"] = ("*ST丙", "1991-04-03")
    sites.answer.renamed = [("2001-05-10", "000001", "丙", "丙银行")]
    taken = source()
    assert not taken.fetch("000001.SZ").one("000001.SZ")["st"].any()
    assert any(f"ST flags of .SZ {NOT_KNOWN}" in note for note in taken.take_notes())


def test_akshare_special_treatment_in_shanghai_is_not_known_and_said_once(sites):
    sites.answer.lists["SH"] |= {"600519": ("*ST甲", "2001-08-27"), "601398": ("己", "2006-10-27")}
    taken = source()
    for symbol in ("600519.SH", "601398.SH"):
        assert not taken.fetch(symbol).one(symbol)["st"].any()
    assert [n for n in taken.take_notes() if "ST" in n] == [f"ST flags of .SH {NOT_KNOWN}"]


def test_akshare_renamings_that_cannot_be_had_are_asked_for_once(sites):
    good = sites.answer
    sites.answer = lambda path, query: (
        (403, "") if query.get("CATALOGID") == "SSGSGMXX" else good(path, query)
    )
    taken = source()
    for symbol in ("000001.SZ", "300750.SZ"):
        assert not taken.fetch(symbol).one(symbol)["st"].any()
    assert sum("ST flags of .SZ are not known" in note for note in taken.take_notes()) == 1
    assert sum(query.get("CATALOGID") == "SSGSGMXX" for _, query in sites.asked) == 1


# Members of an index ------------------------------------------------------------------------------


def csi(members, stated="20230630"):
    """The nine columns of China Securities Index's list."""
    table = pd.DataFrame({"a": int(stated), "b": 300, "c": "x", "d": "x", "e": list(members)})
    return table.assign(f="x", g="x", h="x", i="x")


def shenzhen(rows):
    columns = ["日期", "样本代码", "样本简称", "所属行业", "总市值", "权重"]
    return pd.DataFrame([(*row, "x", "x", "1", "1") for row in rows], columns=columns)


def test_akshare_constituents_of_the_newest_list_have_their_exchange(sites):
    sites.answer.members["000300"] = csi([600519, 1, 300750, 688981])
    expected = ("000001.SZ", "300750.SZ", "600519.SH", "688981.SH")
    assert source().constituents("000300.SH") == expected
    assert source().constituents("000300.SH", "2023-06-30") == expected


@pytest.mark.parametrize("on", ["2020-01-02", "2023-06-29", "2023-07-01"])
def test_akshare_constituents_of_a_day_nobody_states_are_refused(sites, on):
    sites.answer.members["000300"] = csi([600519])
    with pytest.raises(SourceError, match=rf"000300\.SH on 2023-06-30 only, not on {on}"):
        source().constituents("000300.SH", on)


def test_akshare_constituents_of_shenzhen_are_of_the_last_list_before_the_day(sites):
    sites.answer.members["399001"] = shenzhen(
        [("2023-04-28", 1), ("2023-04-28", 2), ("2023-05-31", 1), ("2023-05-31", 300750)]
    )
    taken = source()
    assert taken.constituents("399001.SZ", "2023-05-30") == ("000001.SZ", "000002.SZ")
    assert taken.constituents("399001.SZ", "2023-05-31") == ("000001.SZ", "300750.SZ")
    assert taken.constituents("399001.SZ") == ("000001.SZ", "300750.SZ")
    for on in ("2023-04-27", "2023-09-01"):
        with pytest.raises(SourceError, match="from 2023-04-28 to 2023-05-31"):
            taken.constituents("399001.SZ", on)


def test_akshare_constituents_that_do_not_arrive_or_changed_are_named(sites):
    good = sites.answer
    sites.answer = lambda path, query: (403, "")
    with pytest.raises(SourceError, match=r"members of 000300\.SH did not arrive"):
        source().constituents("000300.SH")
    sites.answer = good
    good.members["000300"] = csi([600519]).drop(columns="i")
    with pytest.raises(SourceError, match="form that the library does not know"):
        source().constituents("000300.SH")


@pytest.mark.parametrize("index", ["^GSPC", "600519", "0050.TW"])
def test_akshare_constituents_of_another_market_are_refused(sites, index):
    with pytest.raises(DataError, match=r"000300\.SH"):
        source().constituents(index)
    assert sites.asked == []


def test_sources_without_constituents_say_so():
    with pytest.raises(ConfigError, match="sample"):
        Sample().constituents("000300.SH")
