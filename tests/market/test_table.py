"""The mapping that csv and parquet share, on small files made by hand."""

import numpy as np
import pandas as pd
import pytest

from bar_files import DAYS, PLAIN, csv, write
from qushi.core import ConfigError, DataError
from qushi.core.extensions import build
from qushi.market import BarSource
from qushi.market.sources.parquet import Parquet


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, PLAIN)
    return tmp_path


def test_csv_plain_file_needs_no_mapping(folder):
    bars = csv(folder).fetch("600519.SH")
    frame = bars.one("600519.SH")
    assert [str(s.date()) for s in bars.sessions] == DAYS
    assert list(frame["close"]) == [10.5, 11.5, 12.5]
    assert list(frame["volume"]) == [100, 200, 300]
    assert frame["amount"].isna().all()
    assert (frame["factor"] == 1).all()


def test_csv_window_includes_both_ends(folder):
    assert [str(s.date()) for s in csv(folder).fetch("600519.SH", DAYS[1], DAYS[1]).sessions] == [
        DAYS[1]
    ]


def test_csv_chinese_headers_lots_and_encoding_are_mapped(folder):
    text = "日期;开;高;低;收;手数;千元\n" + "".join(f"{d.replace('-', '/')};1;2;1;2;5;7\n" for d in DAYS)
    write(folder, text, encoding="gb18030")
    mapping = {
        "session": "日期", "open": "开", "high": "高", "low": "低", "close": "收",
        "volume": "手数", "amount": "千元",
    }  # fmt: skip
    options = {"columns": mapping, "delimiter": ";", "date_format": "%Y/%m/%d"}
    frame = csv(folder, **options, encoding="gb18030", volume_unit=100, amount_unit=1000).fetch(
        "600519.SH"
    )
    assert set(frame.frame["volume"]) == {500.0}
    assert set(frame.frame["amount"]) == {7000.0}
    with pytest.raises(DataError, match=r"is not utf-8-sig: set encoding"):
        csv(folder, **options).fetch("600519.SH")


def test_csv_missing_column_lists_what_is_there(folder):
    write(folder, PLAIN.replace("volume", "vol"))
    with pytest.raises(
        DataError, match=r"lacks a column for volume; it has date, open, .*, vol: name it"
    ):
        csv(folder).fetch("600519.SH")
    with pytest.raises(DataError, match=r"lacks the column 'qty' \(for volume\); it has .*vol"):
        csv(folder, columns={"volume": "qty"}).fetch("600519.SH")
    assert len(csv(folder, columns={"volume": "vol"}).fetch("600519.SH")) == 3


def test_csv_default_volume_must_be_declared(folder):
    write(folder, "date,open,high,low,close\n2024-01-02,1,1,1,1\n")
    with pytest.raises(DataError, match="default_volume"):
        csv(folder).fetch("600519.SH")
    assert csv(folder, default_volume=0).fetch("600519.SH").frame["volume"].tolist() == [0.0]


def test_csv_one_column_may_serve_several(folder):
    write(folder, "date,close\n2024-01-02,5\n")
    bars = csv(folder, columns=dict.fromkeys(["open", "high", "low"], "close"), default_volume=0)
    assert bars.fetch("600519.SH").frame[["open", "high", "low"]].to_numpy().tolist() == [
        [5.0, 5.0, 5.0]
    ]


def test_csv_adjusted_close_becomes_a_factor_from_one(folder):
    text = (
        "date,open,high,low,close,volume,adj\n2024-01-02,10,10,10,10,1,4\n2024-01-03,10,10,10,10,1,5\n"
    )
    write(folder, text)
    bars = csv(folder, columns={"adjusted_close": "adj"}).fetch("600519.SH")
    np.testing.assert_allclose(bars.frame["factor"], [1.0, 1.25])
    np.testing.assert_allclose(bars.adjusted("close")["600519.SH"].pct_change().iloc[1], 5 / 4 - 1)


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("20240103", "", "2024-01-03"),
        ("2024-01-03 00:00:00", "", "2024-01-03"),
        ("2024-01-03 00:00:00+08:00", "", "2024-01-03"),
        ("2024-01-02T16:00:00Z", "", "2024-01-03"),  # midnight in Shanghai
        ("03-01-24", "%d-%m-%y", "2024-01-03"),
        ("2024/1/3", "%Y/%m/%d", "2024-01-03"),
    ],
)
def test_csv_date_forms_give_the_local_session(folder, text, form, expected):
    write(folder, f"date,open,high,low,close,volume\n{text},1,1,1,1,1\n")
    bars = csv(folder, date_format=form).fetch("600519.SH")
    assert str(bars.sessions[0].date()) == expected


def test_csv_zones_of_summer_and_winter_may_stand_in_one_file(folder):
    rows = "2024-01-03 00:00:00-05:00,1,1,1,1,1\n2024-07-03 00:00:00-04:00,1,1,1,1,1\n"
    write(folder, f"Date,Open,High,Low,Close,Volume\n{rows}", "AAPL.csv")
    found = csv(folder).fetch("AAPL").sessions
    assert [str(s.date()) for s in found] == ["2024-01-03", "2024-07-03"]


def test_csv_unreadable_date_names_row_and_value(folder):
    write(folder, PLAIN.replace(DAYS[1], "3 Jan"))
    with pytest.raises(DataError, match=r"row 2: '3 Jan' .* set date_format"):
        csv(folder).fetch("600519.SH")


def test_csv_text_among_the_prices_is_named(folder):
    write(folder, PLAIN.replace("11.5", "n/a"))
    with pytest.raises(DataError, match=r"2024-01-03: 'n/a' in 'close' is not a number"):
        csv(folder, on_bad="drop").fetch("600519.SH")


def test_csv_rows_off_the_calendar_are_errors_or_notes(folder):
    write(folder, PLAIN + "2024-01-06,1,1,1,1,1\n")  # a Saturday
    with pytest.raises(DataError, match=r"600519\.SH on 2024-01-06 is not a session of XSHG"):
        csv(folder).fetch("600519.SH")
    forgiving = csv(folder, off_calendar="drop")
    assert len(forgiving.fetch("600519.SH")) == 3
    (note,) = forgiving.take_notes()
    assert "dropped 1 of 4 rows" in note
    assert "2024-01-06" in note


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("2024-01-05,1,1,2,1,1", "impossible prices"),
        ("2024-01-05,1,1,1,,1", "impossible prices"),
        ("2024-01-05,1,1,0,1,1", "impossible prices"),
        ("2024-01-05,1,1,1,1,-1", "impossible volume"),
        ("2024-01-05,1,1,1,1,", "impossible volume"),
        ("2024-01-04,12,13,11,12.5,300", "repeated"),
    ],
)
def test_csv_bad_rows_are_errors_or_notes(folder, row, why):
    write(folder, f"{PLAIN}{row}\n")
    with pytest.raises(DataError, match=r"600519\.SH on 2024-01-0[45]"):
        csv(folder).fetch("600519.SH")
    forgiving = csv(folder, on_bad="drop")
    assert len(forgiving.fetch("600519.SH")) == 3
    assert why in forgiving.take_notes()[0]


def test_csv_two_different_rows_of_one_session_are_never_chosen_between(folder):
    write(folder, f"{PLAIN}2024-01-04,12,13,11,12.6,300\n")
    with pytest.raises(DataError, match="appears twice"):
        csv(folder, on_bad="drop").fetch("600519.SH")


def test_csv_flags_are_read_and_empty_volume_of_a_suspension_is_zero(folder):
    write(
        folder,
        "date,open,high,low,close,volume,status,st\n2024-01-02,1,1,1,1,9,1,0\n2024-01-03,1,1,1,1,,0,1\n",
    )
    table = {
        "kind": "csv", "folder": str(folder), "adjustment": "raw",
        "suspended": {"column": "status", "value": 0}, "st": {"column": "st", "value": "1"},
    }  # fmt: skip
    frame = build("qushi.market.sources", table, BarSource, "[bars]").fetch("600519.SH").frame
    assert frame["suspended"].tolist() == [False, True]
    assert frame["st"].tolist() == [False, True]
    assert frame["volume"].tolist() == [9.0, 0.0]


def test_csv_suspended_with_volume_is_an_error_or_a_note(folder):
    write(
        folder,
        "date,open,high,low,close,volume,status\n2024-01-02,1,1,1,1,9,1\n2024-01-03,1,1,1,1,5,0\n",
    )
    flag = {"column": "status", "value": "0"}
    with pytest.raises(DataError, match="suspended but has volume"):
        csv(folder, suspended=flag).fetch("600519.SH")
    forgiving = csv(folder, suspended=flag, on_bad="drop")
    assert len(forgiving.fetch("600519.SH")) == 1
    assert "suspended but with volume" in forgiving.take_notes()[0]


def test_csv_codes_in_a_column_keep_their_zeros_and_are_matched(folder):
    rows = [f"{d},{code},1,1,1,1,1" for code in ("000001", "600519") for d in DAYS]
    write(folder, "date,code,open,high,low,close,volume\n" + "\n".join(rows) + "\n", "all.csv")
    one_file = csv(folder, pattern="all.csv", columns={"symbol": "code"})
    bars = one_file.fetch("000001.SZ")
    assert bars.symbols == ("000001.SZ",)
    assert len(bars) == 3
    with pytest.raises(DataError, match=r"no rows for 000002\.SZ in 'code': did you mean"):
        one_file.fetch("000002.SZ")


def test_csv_patterns_find_and_list_symbols(folder):
    write(folder, PLAIN, "sh600519.csv")
    write(folder, PLAIN, "sz000001.csv")
    by_exchange = csv(folder, pattern="{exchange}{code}.csv")
    assert by_exchange.symbols() == ("000001.SZ", "600519.SH")
    assert by_exchange.fetch("000001.SZ").symbols == ("000001.SZ",)
    assert csv(folder).symbols() == ("600519.SH", "sh600519", "sz000001")


def test_csv_bare_codes_are_shares_and_indices_need_naming(folder):
    write(folder, PLAIN, "000001.csv")
    write(folder, PLAIN, "sh000001.csv")
    bare = csv(folder, pattern="{code}.csv", files={"000001.SH": "sh000001.csv"})
    assert {"000001.SZ", "000001.SH"} <= set(bare.symbols())
    with pytest.raises(DataError, match=r"'000300\.csv' would be 000300\.SZ, not 000300\.SH"):
        bare.fetch("000300.SH")


def test_csv_missing_file_names_the_nearest(folder):
    with pytest.raises(DataError, match=r"no file '600518\.SH\.csv'.*'600519\.SH\.csv'"):
        csv(folder).fetch("600518.SH")


def test_csv_folder_expands_variables(folder, monkeypatch):
    monkeypatch.setenv("QUSHI_TEST_FOLDER", str(folder))
    assert len(csv("${QUSHI_TEST_FOLDER}").fetch("600519.SH")) == 3
    monkeypatch.delenv("QUSHI_TEST_FOLDER")
    with pytest.raises(ConfigError, match="needs the environment variable QUSHI_TEST_FOLDER"):
        csv("${QUSHI_TEST_FOLDER}").fetch("600519.SH")
    with pytest.raises(ConfigError, match="is not there"):
        csv(folder / "nowhere").fetch("600519.SH")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"folder": "x", "adjustment": "raw", "columns": {"clos": "c"}}, "'clos': did you mean 'close'"),
        ({"folder": "x", "adjustment": "raw", "pattern": "{cod}.csv"}, "'cod': did you mean 'code'"),
        ({"folder": "x", "adjustment": "raw", "calendar": "XSHE"}, "'XSHE': did you mean 'XSHG'"),
        ({"folder": "x", "adjustment": "raw", "delimeter": ";"}, "did you mean 'delimiter'"),
        ({"folder": "x"}, "'adjustment' is missing"),
        ({"folder": "x", "adjustment": "qfq"}, "'adjustment' is 'qfq'"),
        ({"folder": "x", "adjustment": "raw", "volume_unit": 0}, "'volume_unit' is 0"),
    ],
)
def test_csv_wrong_settings_are_one_sentence(table, said):
    with pytest.raises(ConfigError) as caught:
        build("qushi.market.sources", {"kind": "csv", **table}, BarSource, "[bars]")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_parquet_types_are_kept_and_mapped(tmp_path):
    table = pd.DataFrame(
        {
            "trade_date": [20240102, 20240103],
            "o": [1.0, 2.0], "h": [2.0, 3.0], "l": [1.0, 1.0], "c": [2.0, 2.0],
            "v": pd.array([5, None], dtype="Int64"),
            "halted": [False, True],
        }
    )  # fmt: skip
    table.to_parquet(tmp_path / "000001.SZ.parquet")
    columns = {
        "session": "trade_date",
        "open": "o",
        "high": "h",
        "low": "l",
        "close": "c",
        "volume": "v",
    }
    source = Parquet(
        folder=str(tmp_path), adjustment="adjusted", columns=columns, volume_unit=100,
        suspended={"column": "halted", "value": "True"},
    )  # fmt: skip
    bars = source.fetch("000001.SZ")
    assert source.symbols() == ("000001.SZ",)
    assert bars.adjustment == "adjusted"
    assert bars.frame["volume"].tolist() == [500.0, 0.0]


def test_parquet_zoned_index_gives_local_sessions(tmp_path):
    at = pd.DatetimeIndex(["2024-01-02", "2024-01-03"], tz="America/New_York", name="Date")
    table = pd.DataFrame(dict.fromkeys(("Open", "High", "Low", "Close", "Volume"), 1.0), index=at)
    table.to_parquet(tmp_path / "AAPL.parquet")
    bars = Parquet(folder=str(tmp_path), adjustment="adjusted").fetch("AAPL")
    assert [str(s.date()) for s in bars.sessions] == ["2024-01-02", "2024-01-03"]


def test_parquet_other_file_is_refused(tmp_path):
    (tmp_path / "AAPL.parquet").write_text("not this")
    with pytest.raises(DataError, match=r"AAPL\.parquet is not a Parquet file"):
        Parquet(folder=str(tmp_path), adjustment="raw").fetch("AAPL")


def test_csv_empty_file_is_refused(folder):
    write(folder, "")
    with pytest.raises(DataError, match="not a table delimited"):
        csv(folder).fetch("600519.SH")
    write(folder, PLAIN.splitlines()[0] + "\n")
    with pytest.raises(DataError, match="has no rows"):
        csv(folder).fetch("600519.SH")
