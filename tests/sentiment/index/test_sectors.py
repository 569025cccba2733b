"""Sectors: lists, files with dates, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from qushi.core import ConfigError, DataError
from qushi.sentiment.index.sectors import Sectors, SectorSettings


def parse(**table):
    return SectorSettings.parse(table, "[sectors]")


def named(sectors, symbol, day):
    _, found = sectors.of_texts(np.array([0]), np.array([symbol], dtype=object), pd.DatetimeIndex([day]))
    return sorted(found)


def test_lists_under_their_names_hold_at_all_times():
    found = parse(白酒=["600519.SH", "000858.SZ"], bank=["601398.SH"]).load()
    assert found.names == ("bank", "白酒")
    assert named(found, "600519.SH", "1999-01-04") == ["白酒"]
    assert named(found, "000001.SZ", "2024-01-04") == []


def test_file_with_dates_is_read_as_of_the_session_both_days_included(tmp_path):
    path = tmp_path / "sectors.csv"
    path.write_text(
        "\ufeffsector,symbol,since,until\n酒,600519.SH,2020-01-02,2021-06-30\n酒,600519.SH,2022-01-04,\n"
        "大盘, 600519.SH ,,\n",
        encoding="utf-8",
    )
    found = parse(file=path).load()
    for day, expected in {
        "2020-01-01": ["大盘"],
        "2020-01-02": ["大盘", "酒"],
        "2021-06-30": ["大盘", "酒"],
        "2021-07-01": ["大盘"],
        "2030-01-02": ["大盘", "酒"],
    }.items():
        assert named(found, "600519.SH", day) == expected, day


def test_file_without_dates_holds_at_all_times(tmp_path):
    path = tmp_path / "sectors.csv"
    path.write_text("symbol,sector\n600519.SH,酒\n", encoding="utf-8")
    assert named(Sectors.read(path), "600519.SH", "2001-01-02") == ["酒"]


def test_row_that_names_two_symbols_of_a_sector_stands_in_it_once_and_rows_keep_their_order():
    found = Sectors.of({"b": ["x", "y"], "a": ["y", "z"]})
    rows = np.array([0, 0, 1, 2, 3])
    symbols = np.array(["x", "y", "q", "z", "x"], dtype=object)
    row, sector = found.of_texts(rows, symbols, pd.DatetimeIndex(["2024-01-02"] * 5))
    assert sorted(zip(row.tolist(), sector, strict=True)) == [(0, "a"), (0, "b"), (2, "a"), (3, "b")]
    assert row.tolist() == sorted(row)


def test_table_without_any_sector_gives_none():
    assert SectorSettings().load() is None


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"file": "x.csv", "酒": ["600519.SH"]}, "either a 'file' or lists"),
        ({"酒": []}, "needs a name and at least one symbol"),
        ({"酒": "600519.SH"}, "must be a list"),
        ({"酒": [600519]}, "'酒.0' is 600519"),
    ],
)
def test_tables_that_are_wrong_raise_one_sentence(table, message):
    with pytest.raises(ConfigError, match=message):
        parse(**table)


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        ("sector,code\n酒,600519.SH\n", DataError, "lack the column 'symbol'"),
        ("sector,symbol,since\n酒,600519.SH,4.1.2020\n", DataError, "since is '4.1.2020' in row 1"),
        ("sector,symbol\n酒,\n", DataError, "row 1 of the sectors has no symbol"),
        ("sector,symbol,since,until\n酒,a.SH,2020-01-02,2019-01-02\n", DataError, "after its end"),
        ("", ConfigError, "No columns"),
    ],
)
def test_files_that_are_wrong_raise_one_sentence(tmp_path, rows, error, message):
    path = tmp_path / "sectors.csv"
    path.write_text(rows, encoding="utf-8")
    with pytest.raises(error, match=message):
        Sectors.read(path)


def test_missing_file_names_itself(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.csv"):
        Sectors.read(tmp_path / "nowhere.csv")
