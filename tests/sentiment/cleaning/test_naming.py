"""Which shares a text names on its day; names as the exchanges publish them."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akshare_sites import Sites
from qushi.core import DataError, SourceError, Texts
from qushi.sentiment.cleaning.exchange_names import ExchangeNames, merged
from qushi.sentiment.cleaning.name_matching import ambiguous_names, spellings
from qushi.sentiment.cleaning.naming import NameSettings, NameTable
from replay import serve

ROWS = [
    ("000001.SZ", "深发展A", "former", "1991-04-03", "2012-08-01"),
    ("000001.SZ", "平安银行", "name", "2012-08-02", ""),
    ("000002.SZ", "万  科Ａ", "name", "1991-01-29", ""),
    ("000591.SZ", "太阳能", "name", "2016-01-04", ""),
    ("000953.SZ", "*ST河化", "name", "2018-05-02", ""),
    ("300024.SZ", "机器人", "name", "2009-10-30", ""),
    ("600519.SH", "贵州茅台", "name", "2001-08-27", ""),
    ("600519.SH", "茅台", "alias", "2001-08-27", ""),
    ("601318.SH", "中国平安", "name", "2007-03-01", ""),
    ("601988.SH", "中国银行", "name", "2006-07-05", ""),
]
DAY = "2019-06-03"


@pytest.fixture(scope="module")
def table():
    return NameTable.from_rows(ROWS)


def texts(bodies, at="2019-06-03 10:00", **columns):
    frame = pd.DataFrame({"body": bodies, "id": [f"{k:03}" for k in range(len(bodies))]})
    frame["published_at"] = pd.DatetimeIndex([at] * len(frame), tz="Asia/Shanghai")
    return Texts.from_frame(frame.assign(audience="public", **columns))


# Codes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "600519要涨",
        "600519.SH",
        "sh600519",
        "SH.600519 跌",
        "600519.XSHG",
        "$贵州茅台(SH600519)$",
        "６００５１９",
        "看好600519，别看别的",
        "(600519)",
    ],
)
def test_codes_are_found_as_people_write_them(table, text):
    assert table.symbols(text, DAY) == ("600519.SH",)


@pytest.mark.parametrize(
    "text",
    [
        "成交600519股",
        "赚了600519元",
        "共600519手",
        "6005190",
        "1600519",
        "600519.5点",
        "00700",
        "HK00700",
        "0.600519",
        "http://a.cn/600519",
        "688001",
        "A600519",
    ],
)
def test_codes_amounts_other_markets_and_unknown_codes_are_none(table, text):
    assert table.symbols(text, DAY) == ()


def test_codes_with_an_exchange_need_no_table(table):
    assert table.symbols("上证指数SH000001和平安银行", DAY) == ("000001.SH", "000001.SZ")
    assert table.symbols("688001.SH", DAY) == ("688001.SH",)


def test_codes_bare_ones_are_known_from_listing_on():
    rows = [("601138.SH", "601138", "code", "2018-06-08", "2020-01-31")]
    held = NameTable.from_rows(rows, NameSettings(grace=10))
    days = ("2018-06-07", "2018-06-08", "2020-02-10", "2020-02-11")
    assert [bool(held.symbols("601138", day)) for day in days] == [False, True, True, False]


# Names --------------------------------------------------------------------------------------------


def test_names_given_later_are_not_known_earlier(table):
    assert table.symbols("平安银行大跌", "2012-08-01") == ()
    assert table.symbols("平安银行大跌", "2012-08-02") == ("000001.SZ",)


@pytest.mark.parametrize(
    ("day", "expected"),
    [("2012-08-01", True), ("2012-08-31", True), ("2012-09-01", False), ("1991-04-02", False)],
)
def test_names_former_ones_point_to_the_share_until_grace_is_over(day, expected):
    held = NameTable.from_rows(ROWS, NameSettings(grace=30))
    assert (held.symbols("深发展A跌了", day) == ("000001.SZ",)) is expected


def test_names_the_bearer_comes_before_who_bore_it():
    rows = [
        ("000001.SZ", "大东股份", "former", "2000-01-01", "2010-12-31"),
        ("000002.SZ", "大东股份", "name", "2011-03-01", ""),
    ]
    held = NameTable.from_rows(rows)
    assert held.symbols("大东股份涨停", "2011-02-28") == ("000001.SZ",)
    assert held.symbols("大东股份涨停", "2011-03-01") == ("000002.SZ",)


def test_names_two_bearers_of_a_day_are_both_named_whatever_ends_later():
    rows = [
        ("000001.SZ", "大东股份", "name", "2000-01-01", "2020-12-31"),
        ("200001.SZ", "大东股份", "name", "2001-01-01", ""),
    ]
    assert NameTable.from_rows(rows).symbols("大东股份", DAY) == ("000001.SZ", "200001.SZ")


def test_names_the_longest_counts_and_none_inside_it(table):
    found = [one.words for one in table.look("贵州茅台和茅台镇", DAY)]
    assert found == ["贵州茅台", "茅台"]
    longer = NameTable.from_rows([*ROWS, ("000003.SZ", "贵州茅台酒", "name", "2019-01-01", "")])
    assert longer.symbols("贵州茅台酒涨价", DAY) == ("000003.SZ",)


def test_names_longer_one_of_later_hides_nothing():
    rows = [*ROWS, ("000003.SZ", "贵州茅台酒", "name", "2019-06-04", "")]
    held = NameTable.from_rows(rows)
    assert held.symbols("贵州茅台酒涨价", DAY) == ("600519.SH",)
    assert held.symbols("贵州茅台酒涨价", "2019-06-04") == ("000003.SZ",)


def test_names_width_case_and_blanks_do_not_matter(table):
    for text in ("万科A", "万 科Ａ", "万科a", "万科要跌"):
        assert table.symbols(text, DAY) == ("000002.SZ",), text
    assert table.symbols("st河化退市", DAY) == ("000953.SZ",)


def test_names_do_not_reach_over_the_end_of_a_line(table):
    assert table.symbols("去贵州\n茅台镇", DAY) == ("600519.SH",)  # the alias alone
    assert [one.words for one in table.look("去贵州\n茅台镇", DAY)] == ["茅台"]


def test_names_trade_of_banks_is_no_bank(table):
    assert table.symbols("中国银行业不良率和中国银行间市场", DAY) == ()
    assert table.symbols("中国银行股价", DAY) == ("601988.SH",)


def test_names_of_one_character_are_never_found():
    held = NameTable.from_rows([("000001.SZ", "平", "alias", "2000-01-01", "")])
    assert held.symbols("平", DAY) == ()


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("太阳能行业前景", False),
        ("太阳能：拟10派1元", True),
        ("【太阳能：净利增长】", True),
        ("今天\n太阳能：拟定增", True),
        ("看好太阳能：阳光电源", False),
        ("$太阳能$涨停", True),
        ("$太阳能(SZ000591)$", True),
        ("太阳能(000591)涨停", True),
        ("000591是太阳能龙头", True),
        ("太阳能(300024)", False),
    ],
)
def test_names_ordinary_words_count_beside_their_code_or_a_mark_only(table, text, counts):
    assert ("000591.SZ" in table.symbols(text, DAY)) is counts


def test_names_ordinary_words_can_be_added_and_are_told():
    held = NameTable.from_rows(ROWS, NameSettings(ambiguous=["茅台"]))
    (refused,) = held.look("茅台镇", DAY)
    assert refused.symbol == "600519.SH"
    assert "ordinary word" in refused.refused
    assert held.symbols("贵州茅台", DAY) == ("600519.SH",)


def test_names_list_of_ordinary_words_has_no_doubles_and_no_remarks():
    assert {"太阳能", "机器人", "同花顺"} <= ambiguous_names()
    assert all(word == word.strip() and "#" not in word for word in ambiguous_names())


def test_names_without_a_day_are_left_out_unless_told_otherwise_and_said():
    rows = [("600000.SH", "浦发银行", "name", "", ""), *ROWS]
    strict, lenient = (NameTable.from_rows(rows, NameSettings(undated=u)) for u in (False, True))
    assert strict.symbols("浦发银行", DAY) == ()
    assert lenient.symbols("浦发银行", "1995-01-01") == ("600000.SH",)
    assert ["left out" in one.remarks[0].en for one in (strict, lenient)] == [True, False]
    assert "hold: 1." in lenient.remarks[0].en
    assert NameTable.from_rows(ROWS).remarks == ()


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_names_of_a_day_do_not_depend_on_what_the_table_says_of_later(data):
    names = ["甲乙", "甲乙丙", "乙丙", "丙丁戊", "丁戊"]
    day = st.dates(pd.Timestamp("2020-01-01").date(), pd.Timestamp("2020-03-01").date())
    rows = []
    for k, name in enumerate(data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=6))):
        since, until = sorted([data.draw(day), data.draw(day)])
        rows.append((f"00000{k}.SZ", name, "name", since, until if data.draw(st.booleans()) else ""))
    text = "".join(data.draw(st.lists(st.sampled_from("甲乙丙丁戊"), max_size=12)))
    today = data.draw(day)
    known = [(*row[:4], row[4] if row[4] and row[4] < today else "") for row in rows if row[3] <= today]
    keys = NameSettings(grace=5)
    whole = NameTable.from_rows(rows, keys).symbols(text, f"{today}")
    assert whole == (NameTable.from_rows(known, keys).symbols(text, f"{today}") if known else ())


def test_spellings_keep_the_name_and_drop_what_the_exchange_added():
    assert spellings("华润微-U") == ("华润微-u", "华润微")
    assert spellings("TCL集团") == ("tcl集团",)
    assert spellings("GQA") == ("gqa",)


# Texts --------------------------------------------------------------------------------------------


def test_mentions_are_sorted_without_the_own_symbol_and_with_the_given_ones(table):
    found = table.name(
        texts(
            ["平安银行、贵州茅台、中国平安", "没有提到", "600519"],
            symbol=["601318.SH", None, "600519.SH"],
            mentions=["300750.SZ", "", ""],
        )
    )
    assert found.frame["mentions"].tolist() == ["000001.SZ 300750.SZ 600519.SH", "", ""]
    assert found.frame["symbol"].tolist() == ["601318.SH", None, "600519.SH"]


def test_mentions_title_counts_and_the_day_is_that_of_shanghai(table):
    before = texts([""], at="2012-08-01 23:59:59", title="平安银行更名")
    after = texts([""], at="2012-08-02 00:00:00", title="平安银行更名")
    assert [table.name(one).frame["mentions"][0] for one in (before, after)] == ["", "000001.SZ"]


def test_mentions_are_read_on_the_day_of_availability_not_of_writing(table):
    late = texts(
        ["平安银行"],
        at="2012-07-30 10:00",
        first_seen=pd.DatetimeIndex(["2012-08-03 10:00"], tz="Asia/Shanghai"),
    )
    assert table.name(late).frame["mentions"][0] == "000001.SZ"


# The file -----------------------------------------------------------------------------------------


def test_table_written_is_read_back_the_same(table, tmp_path):
    table.write(tmp_path / "deep" / "names.csv")
    back = NameTable.read(NameSettings(path=f"{tmp_path}/deep/names.csv"))
    pd.testing.assert_frame_equal(back.frame, table.frame)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["names.csv"]


def test_table_bare_codes_get_their_exchange():
    assert (
        NameTable.from_rows([("600519", "贵州茅台", "name", "", "")]).frame["symbol"][0] == "600519.SH"
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("000001.SZ", "平安", "nick", "", ""), "did you mean|choose from"),
        (("000001.SZ", " ", "name", "", ""), "is empty"),
        (("000001.SZ", "平安", "name", "2020-02-30", ""), "since is '2020-02-30'"),
        (("000001.SZ", "平安", "name", "", "soon"), "until is 'soon'"),
        (("000001.SZ", "平安", "name", "2020-02-03", "2020-02-02"), "before it begins"),
        (("00001", "平安", "name", "", ""), "six"),
    ],
)
def test_table_bad_rows_are_refused_with_what_is_wrong(row, message):
    with pytest.raises(DataError, match=message):
        NameTable.from_rows([row])


def test_table_without_file_or_column_says_what_to_do(tmp_path):
    keys = NameSettings(path=f"{tmp_path}/names.csv")
    with pytest.raises(DataError, match="qushi texts names fetch"):
        NameTable.read(keys)
    (tmp_path / "names.csv").write_text("symbol,name\n000001.SZ,x\n", encoding="utf-8")
    with pytest.raises(DataError, match="lacks the column 'kind'"):
        NameTable.read(keys)


def test_table_default_lies_in_the_store(monkeypatch, tmp_path):
    monkeypatch.setenv("QUSHI_STORE", str(tmp_path))
    assert NameSettings().file == tmp_path / "names.csv"


def test_table_on_a_day_shows_the_rows_that_hold(table):
    names = table.on("2012-08-01")["name"].tolist()
    assert "深发展A" in names
    assert "平安银行" not in names


# From the exchanges -------------------------------------------------------------------------------


@pytest.fixture
def sites(monkeypatch):
    import akshare
    import requests

    for exchange in ("sh", "sz", "bj"):  # akshare keeps these lists for the life of the process
        getattr(akshare, f"stock_info_{exchange}_name_code").cache_clear()
    answer = Sites({})
    answer.lists["SZ"] |= {"000001": ("平安银行", "1991-04-03"), "000005": ("ST星源", "1990-12-10")}
    answer.lists["SH"] |= {"600519": ("贵州茅台", "2001-08-27")}
    answer.renamed = [
        ("2007-06-20", "000001", "深发展A", "S深发展A"),
        ("2012-08-02", "000001", "S深发展A", "平安银行"),
        ("2010-01-04", "000005", "世纪星源", "星源股份"),
    ]
    with serve(answer) as replay:
        send = requests.Session.request

        def local(self, method, url, **kwargs):
            return send(self, method, replay.local(url), **kwargs)

        monkeypatch.setattr(requests.Session, "request", local)
        yield replay


def exchanges(**keys):
    return ExchangeNames(**{"pause": 0, "first_wait": 0, "attempts": 1, "timeout": 5, **keys})


def rows_of(table, symbol):
    frame = table.frame[(table.frame["symbol"] == symbol) & (table.frame["kind"] != "code")]
    return [
        (row.name, row.kind, *("" if pd.isna(d) else f"{d:%Y-%m-%d}" for d in (row.since, row.until)))
        for row in frame.itertuples(index=False)
    ]


def test_exchange_names_of_shenzhen_have_both_ends(sites):
    assert rows_of(exchanges().fetch(), "000001.SZ") == [
        ("深发展A", "former", "1991-04-03", "2007-06-19"),
        ("S深发展A", "former", "2007-06-20", "2012-08-01"),
        ("平安银行", "name", "2012-08-02", ""),
    ]


def test_exchange_names_where_changes_do_not_lead_to_today_stay_undated(sites):
    found = rows_of(exchanges().fetch(), "000005.SZ")
    assert ("ST星源", "name", "", "") in found
    assert ("世纪星源", "former", "1990-12-10", "2010-01-03") in found


def test_exchange_names_of_shanghai_and_beijing_are_undated_and_their_codes_dated(sites):
    fetched = exchanges().fetch()
    assert rows_of(fetched, "600519.SH") == [("贵州茅台", "name", "", "")]
    assert fetched.symbols("贵州茅台", DAY) == ()
    assert [fetched.symbols("600519", day) for day in ("2001-08-26", "2001-08-27")] == [
        (),
        ("600519.SH",),
    ]
    assert rows_of(fetched, "920999.BJ") == [("某", "name", "", "")]
    assert rows_of(fetched, "688999.SH") == [("某", "name", "", "")]


def test_exchange_names_of_delisted_shares_end(sites):
    sites.answer.gone["SZ"]["000003"] = ("PT金田A", "1991-07-03", "2002-06-14")
    fetched = exchanges().fetch()
    assert rows_of(fetched, "000003.SZ") == [("PT金田A", "name", "1991-07-03", "2002-06-14")]
    assert rows_of(fetched, "600001.SH") == [("某", "name", "", "2009-12-29")]


def test_exchange_names_that_do_not_arrive_are_an_error(sites):
    good = sites.answer
    sites.answer = lambda path, query: (500, "") if "nqxxCnzq" in path else good(path, query)
    with pytest.raises(SourceError, match="Beijing's list of shares"):
        exchanges().fetch()


def test_exchange_names_column_that_is_gone_is_named(sites, monkeypatch):
    import akshare

    real = akshare.stock_info_sz_change_name
    monkeypatch.setattr(
        akshare, "stock_info_sz_change_name", lambda what: real(what).drop(columns="变更前简称")
    )
    with pytest.raises(SourceError, match="lacks '变更前简称'"):
        exchanges().fetch()


def test_exchange_names_fetched_again_keep_the_aliases_of_the_table():
    own = NameTable.from_rows([ROWS[0], ("600519.SH", "茅台", "alias", "2001-08-27", "")])
    both = merged(NameTable.from_rows([ROWS[1]]), own)
    assert both.frame["name"].tolist() == ["平安银行", "茅台"]
    assert merged(own, None) is own
