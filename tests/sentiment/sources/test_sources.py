import gzip
import json
from pathlib import Path

import pandas as pd
import pytest

from qushi.core import ConfigError, DataError
from qushi.core.calendar import session_of
from qushi.core.extensions import build, kinds
from qushi.sentiment.sources._base import TextSource
from qushi.sentiment.sources._fields import with_suffix
from qushi.sentiment.sources.csv import CsvTexts
from qushi.sentiment.sources.jsonl import JsonlTexts
from qushi.sentiment.sources.parquet import ParquetTexts
from qushi.sentiment.sources.sample import SampleTexts


@pytest.fixture
def write(tmp_path):
    def writer(text, name="posts.csv", encoding="utf-8"):
        path = tmp_path / name
        data = text.encode(encoding)
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return str(path)

    return writer


def local(texts):
    return [str(at) for at in texts.frame["published_at"].dt.tz_convert("Asia/Shanghai")]


def test_kinds_hold_the_sources_of_files_and_the_sample():
    found = set(kinds("qushi.sentiment.sources"))
    assert {"akshare", "csv", "folder", "jsonl", "parquet", "rss", "sample"} <= found


def test_csv_with_a_mapping_reads_their_columns_as_ours(write):
    path = write(
        "代码,发布时间,内容,阅读\n300333,2016-01-04 10:00:00,跌停,9\n600519,2016-01-04 09:00:00,大涨,0\n"
    )
    source = build(
        "qushi.sentiment.sources",
        {
            "kind": "csv",
            "path": path,
            "source": "forum",
            "columns": {"symbol": "代码", "time": "发布时间", "body": "内容", "weight": "阅读"},
            "weight_scale": "count",
        },
        TextSource,
        "[texts]",
    )
    frame = source.fetch().frame
    assert frame["symbol"].tolist() == ["600519.SH", "300333.SZ"]
    assert frame["body"].tolist() == ["大涨", "跌停"]
    assert frame["weight"].tolist() == [1.0, 10.0]
    assert set(frame["source"]) == {"forum"}
    assert set(frame["audience"]) == {"public"}
    assert not source.fetch().synthetic


def test_csv_compressed_and_in_another_encoding_is_read(write):
    text = "time,body\n2016-01-04 10:00,恐慌\n"
    plain = CsvTexts(path=write(text), source="s").fetch()
    packed = CsvTexts(path=write(text, "posts.csv.gz"), source="s").fetch()
    legacy = CsvTexts(path=write(text, "old.csv", "gb18030"), source="s", encoding="gb18030").fetch()
    assert plain.fingerprint == packed.fingerprint == legacy.fingerprint
    with pytest.raises(DataError, match="gb18030"):
        CsvTexts(path=write(text, "old.csv", "gb18030")).fetch()


def test_jsonl_with_missing_keys_and_numbers_is_read(write):
    lines = [
        {"id": 7, "time": "2016-01-04 10:00", "title": "标题", "audience": "institution"},
        {"id": 8, "time": "2016-01-04T11:00:00+00:00", "body": "正文", "symbol": "AAPL"},
    ]
    text = "\n\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    frame = JsonlTexts(path=write(text, "posts.jsonl.gz"), source="s").fetch().frame
    assert frame["id"].tolist() == ["s:7", "s:8"]
    assert frame["audience"].tolist() == ["institution", "public"]
    assert frame["symbol"].tolist() == [None, "AAPL"]


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("2016-01-04 10:00:00", "2016-01-04 10:00:00+08:00"),
        ("2016/01/04 10:00", "2016-01-04 10:00:00+08:00"),
        ("2016-01-04T10:00:00Z", "2016-01-04 18:00:00+08:00"),
        ("2016-01-04 10:00:00+0100", "2016-01-04 17:00:00+08:00"),
        ("2016-01-04", "2016-01-04 23:59:59.999999+08:00"),
        ("20160104", "2016-01-04 23:59:59.999999+08:00"),
    ],
)
def test_times_without_a_zone_are_shanghai_and_bare_dates_end_of_day(write, given, read):
    texts = CsvTexts(path=write(f"time,body\n{given},文\n")).fetch()
    assert local(texts) == [read]


def test_bare_date_counts_from_the_next_session(write):
    texts = CsvTexts(path=write("time,body\n2016-01-08,文\n")).fetch()
    session = session_of(pd.DatetimeIndex(texts.available_at), "XSHG")
    assert session[0] == pd.Timestamp("2016-01-11")


@pytest.mark.parametrize(
    ("form", "given", "read"),
    [
        ("%d.%m.%Y", "04.01.2016", "2016-01-04 23:59:59.999999+08:00"),
        ("%Y年%m月%d日 %H时", "2016年01月04日 10时", "2016-01-04 10:00:00+08:00"),
        ("unix", "1451872800", "2016-01-04 10:00:00+08:00"),
        ("unix_ms", "1451872800000", "2016-01-04 10:00:00+08:00"),
    ],
)
def test_date_format_reads_other_notations(write, form, given, read):
    texts = CsvTexts(path=write(f"time,body\n{given},文\n"), date_format=form).fetch()
    assert local(texts) == [read]


def test_ambiguous_hour_of_a_clock_change_takes_the_later_reading(write):
    path = write("time,body\n2021-11-07 01:30:00,文\n")
    texts = CsvTexts(path=path, zone="America/New_York").fetch()
    assert texts.available_at[0] == pd.Timestamp("2021-11-07 06:30", tz="UTC")


def test_row_without_a_time_is_named_or_dropped_and_counted(write):
    path = write("time,body\n2016-01-04 10:00,甲\n,乙\n")
    with pytest.raises(DataError, match=r"posts\.csv, row 2: '' in column 'time' is no time"):
        CsvTexts(path=path).fetch()
    source = CsvTexts(path=path, on_bad="drop")
    assert len(source.fetch()) == 1
    assert source.counts.dropped == 1
    assert source.counts.rows == 2


def test_first_seen_that_cannot_be_read_is_refused_and_empty_is_unknown(write):
    good = CsvTexts(path=write("time,first_seen,body\n2016-01-04 10:00,,甲\n")).fetch()
    assert good.frame["first_seen"].isna().all()
    with pytest.raises(DataError, match="column 'first_seen'"):
        CsvTexts(path=write("time,first_seen,body\n2016-01-04 10:00,soon,甲\n")).fetch()


@pytest.mark.parametrize(("value", "scale"), [("0", "as_is"), ("many", "count"), ("-1", "log")])
def test_weight_that_is_none_is_refused(write, value, scale):
    with pytest.raises(DataError, match="is no weight above 0"):
        CsvTexts(path=write(f"time,body,weight\n2016-01-04,甲,{value}\n"), weight_scale=scale).fetch()


@pytest.mark.parametrize(
    ("header", "columns", "message"),
    [
        ("time,body", {"title": "标题"}, "no column '标题' for 'title': it has"),
        ("when,body", {}, "no column 'time': it has"),
        ("time,text", {}, "neither a column 'title' nor 'body'"),
    ],
)
def test_missing_column_lists_what_is_there(write, header, columns, message):
    path = write(f"{header}\n2016-01-04,甲\n")
    with pytest.raises(DataError, match=message) as caught:
        CsvTexts(path=path, columns=columns).fetch()
    assert all(name in str(caught.value) for name in header.split(","))


def test_unknown_name_in_columns_offers_the_near_one():
    with pytest.raises(ConfigError, match="did you mean 'time'"):
        CsvTexts.parse({"path": "x.csv", "columns": {"tme": "t"}}, "[texts]")


def test_path_takes_environment_variables_and_says_which_is_not_set(write, monkeypatch):
    path = Path(write("time,body\n2016-01-04,甲\n"))
    source = CsvTexts(path="${QUSHI_TEST_FOLDER}/posts.csv")
    monkeypatch.delenv("QUSHI_TEST_FOLDER", raising=False)
    with pytest.raises(ConfigError, match="variable QUSHI_TEST_FOLDER, which is not set"):
        source.fetch()
    monkeypatch.setenv("QUSHI_TEST_FOLDER", str(path.parent))
    assert len(source.fetch()) == 1
    with pytest.raises(DataError, match="there is no file"):
        CsvTexts(path=str(path) + ".gone").fetch()


def test_same_text_in_one_session_is_one_text_and_in_the_next_another(write):
    rows = [
        "2016-01-04 11:00,跌 停！",
        "2016-01-04 10:00,跌停！",
        "2016-01-04 15:01,跌停！",
        "2016-01-05 09:00,跌停！",
    ]
    source = CsvTexts(path=write("time,body\n" + "\n".join(rows) + "\n"))
    texts = source.fetch()
    assert local(texts) == ["2016-01-04 10:00:00+08:00", "2016-01-04 15:01:00+08:00"]
    assert source.counts.duplicates == 2


def test_same_text_of_two_symbols_is_two_texts(write):
    path = write("time,body,symbol\n2016-01-04,跌停,300333\n2016-01-04,跌停,000573\n")
    assert len(CsvTexts(path=path).fetch()) == 2


def test_title_that_only_opens_the_body_is_read_once(write):
    path = write("time,title,body\n2016-01-04,主力跑了,主力跑了，我也跑了\n2016-01-05,公告,全文\n")
    assert CsvTexts(path=path).fetch().contents.tolist() == ["主力跑了，我也跑了", "公告\n全文"]


def test_window_is_of_availability_with_whole_days(write):
    rows = "2016-01-04 00:00,甲\n2016-01-05 23:59,乙\n2016-01-06 00:00,丙\n2016-01-05,丁\n"
    source = CsvTexts(path=write("time,body\n" + rows))
    assert source.fetch("2016-01-04", "2016-01-05").frame["body"].tolist() == ["甲", "乙", "丁"]
    assert source.fetch("2016-01-05 12:00", "2016-01-05 23:59").frame["body"].tolist() == ["乙"]
    with pytest.raises(DataError, match="'soon' is no date"):
        source.fetch("soon")


def test_symbol_keeps_the_texts_that_name_it(write):
    path = write("time,body,symbol\n2016-01-04,甲,300333\n2016-01-04,乙,\n")
    source = CsvTexts(path=path, symbols={"300333": "X.SZ"})
    assert source.fetch(symbol="X.SZ").frame["body"].tolist() == ["甲"]
    assert len(source.fetch()) == 2


def test_code_that_lost_its_zeros_is_refused():
    with pytest.raises(DataError, match="has 3 digits"):
        with_suffix("573")


@pytest.mark.parametrize("text", ["{not json}", "[1, 2]"])
def test_jsonl_with_a_broken_line_names_it(write, text):
    path = write('{"time": "2016-01-04", "body": "甲"}\n' + text, "posts.jsonl")
    with pytest.raises(DataError, match="line 2 is no JSON"):
        JsonlTexts(path=path).fetch()


def test_sample_is_synthetic_covers_both_audiences_and_the_hours():
    texts = SampleTexts().fetch()
    assert texts.synthetic
    assert set(texts.frame["audience"]) == {"public", "institution"}
    assert texts.frame["symbol"].isna().all()
    clock = texts.frame["published_at"].dt.tz_convert("Asia/Shanghai")
    assert (clock.dt.hour >= 15).any()
    assert (clock.dt.dayofweek >= 5).any()
    sessions = pd.Series(session_of(pd.DatetimeIndex(texts.available_at), "XSHG"))
    assert 3 <= sessions.value_counts().mean() <= 8
    assert len(SampleTexts().fetch(symbol="600519.SH")) == 0


def test_sample_says_in_its_readme_that_it_is_synthetic():
    from qushi.sentiment._sample import SAMPLE_FOLDER

    assert "synthetic" in (SAMPLE_FOLDER / "README.md").read_text(encoding="utf-8").splitlines()[0]
    assert sum(path.stat().st_size for path in SAMPLE_FOLDER.iterdir()) < 1_000_000


@pytest.mark.shared_data
def test_csv_reads_the_forum_posts_with_a_few_lines_of_config(shared_data):
    source = CsvTexts(path="${QUSHI_SHARED_DATA}/dated_texts/emm_guba_posts_noauthor.csv.gz",
                      columns={"body": "content"})  # fmt: skip
    texts = source.fetch("2015-09-25", "2016-09-30")
    assert source.counts.rows == 46889
    assert set(texts.frame["symbol"]) == {
        "300333.SZ", "000573.SZ", "600362.SH", "000733.SZ", "000703.SZ",
    }  # fmt: skip


def test_csv_row_without_words_is_left_out_and_counted(tmp_path):
    path = tmp_path / "posts.csv"
    path.write_text("time,body\n2024-01-02 10:00,跌了\n2024-01-02 11:00,  \n", encoding="utf-8")
    source = CsvTexts(path=str(path))
    assert source.fetch().frame["body"].tolist() == ["跌了"]
    assert source.counts.dropped == 1


# How exact a time is ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "precision", "read"),
    [
        (["2016-05-03 00:00:00", "2016-05-04 00:00:00"], "auto", ["23:59:59.999999"] * 2),
        (["2016-05-03 00:00:00", "2016-05-04 09:30:00"], "auto", ["00:00:00", "09:30:00"]),
        (["2016-05-03 00:00:00", "2016-05-04"], "auto", ["23:59:59.999999"] * 2),
        (["2016-05-03 00:00:00", "2016-05-04 00:00:00"], "second", ["00:00:00"] * 2),
        (["2016-05-03 00:00:00", "2016-05-04 09:30:00"], "day", ["23:59:59.999999"] * 2),
        (["2016-05-03 15:00", "2016-05-04 09:30:10"], "minute", ["15:00:59.999999", "09:30:59.999999"]),
        (["2016-05-03", "2016-05-04 09:30:10"], "minute", ["23:59:59.999999", "09:30:59.999999"]),
        (["2016-05-03 15:00", "2016-05-04 09:30:10"], "auto", ["15:00:00", "09:30:10"]),
    ],
)
def test_precision_says_from_when_in_its_span_a_time_counts(write, given, precision, read):
    rows = "".join(f"{at},文{k}\n" for k, at in enumerate(given))
    texts = CsvTexts(path=write(f"time,body\n{rows}"), precision=precision).fetch()
    found = texts.frame.sort_values("body")["published_at"].dt.tz_convert("Asia/Shanghai")
    assert [str(at)[11:-6] for at in found] == read
    assert [str(at)[:10] for at in found] == [at[:10] for at in given]


def test_column_of_midnights_is_read_as_dates_and_it_is_said(write):
    source = CsvTexts(path=write("time,body\n2016-01-08 00:00:00,文\n2016-01-07 00:00:00,字\n"))
    texts = source.fetch()
    session = session_of(pd.DatetimeIndex(texts.available_at), "XSHG")
    assert list(session) == [pd.Timestamp("2016-01-08"), pd.Timestamp("2016-01-11")]
    assert "every time in column 'time' is midnight, so they are read as" in source.take_notes()[0]
    assert source.take_notes() == ()
    exact = CsvTexts(path=source.path, precision="second")
    session = session_of(pd.DatetimeIndex(exact.fetch().available_at), "XSHG")
    assert session[0] == pd.Timestamp("2016-01-07")
    assert exact.take_notes() == ()


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("2016-05-03T00:00:00Z", "2016-05-04 07:59:59.999999+08:00"),  # a date on the clock of London
        ("2016-05-03T00:00:00+08:00", "2016-05-03 23:59:59.999999+08:00"),
    ],
)
def test_midnights_with_a_zone_end_on_the_clock_that_stated_them(write, given, read):
    assert local(CsvTexts(path=write(f"time,body\n{given},文\n")).fetch()) == [read]


def test_midnights_as_numbers_are_dates_too(write):
    path = write("time,body\n1451836800,文\n")  # 2016-01-04 00:00 in Shanghai
    texts = CsvTexts(path=path, date_format="unix").fetch()
    assert local(texts) == ["2016-01-04 23:59:59.999999+08:00"]
    path = write("time,body\n1451836800,文\n1451872800,字\n")
    assert local(CsvTexts(path=path, date_format="unix").fetch())[0] == "2016-01-04 00:00:00+08:00"


def test_day_of_a_clock_change_ends_when_it_ends(write):
    path = write("time,body\n2021-11-07 00:00:00,文\n")  # 25 hours long in New York
    texts = CsvTexts(path=path, zone="America/New_York").fetch()
    assert str(texts.available_at[0]) == "2021-11-08 04:59:59.999999+00:00"


def test_zone_inside_a_date_format_is_kept_row_by_row(write):
    rows = "2016-01-04 10:00 +0000,文\n2016-01-04 10:00 +0800,字\nsoon,词\n"
    path = write("time,body\n" + rows)
    texts = CsvTexts(path=path, date_format="%Y-%m-%d %H:%M %z", on_bad="drop").fetch()
    assert local(texts) == ["2016-01-04 10:00:00+08:00", "2016-01-04 18:00:00+08:00"]


def test_delay_counts_from_the_stated_time_and_a_later_first_seen_holds(write):
    seen = {"甲": "", "乙": "2016-01-04 10:05", "丙": "2016-01-05 9:00"}
    rows = "".join(f"2016-01-04 10:00,{at},{body}\n" for body, at in seen.items())
    source = CsvTexts(path=write("time,first_seen,body\n" + rows), delay=15)
    texts = source.fetch()
    assert set(local(texts)) == {"2016-01-04 10:00:00+08:00"}
    available = texts.available_at.dt.tz_convert("Asia/Shanghai").dt.strftime("%d %H:%M")
    assert dict(zip(texts.frame["body"], available, strict=True)) == {
        "甲": "04 10:15",
        "乙": "04 10:15",
        "丙": "05 09:00",
    }
    assert source.declared.delay == 15
    assert source.declared.audience == "public"


# What a row may say besides --------------------------------------------------------------------------


def test_counts_mentions_and_times_of_edit_and_deletion_are_read(write):
    path = write(
        "编号,time,改,删,body,阅读,评论,提到\n"
        '7,2016-01-04 10:00,2016-01-05 11:00,,甲,1.2万,3,"600519,000001；sz300333"\n'
        "8,2016-01-04 12:00,,2016-01-06 09:30,乙,,,\n"
    )
    source = CsvTexts(
        path=path,
        source="s",
        columns={"id": "编号", "edited_at": "改", "deleted_at": "删", "reads": "阅读",
                 "comments": "评论", "mentions": "提到"},
    )  # fmt: skip
    frame = source.fetch().frame.set_index("id")
    assert frame.loc["s:7", "reads"] == 12000
    assert frame.loc["s:7", "comments"] == 3
    assert frame.loc["s:7", "mentions"] == "600519.SH 000001.SZ 300333.SZ"
    assert str(frame.loc["s:7", "edited_at"]) == "2016-01-05 03:00:00+00:00"
    assert frame.loc["s:8", ["reads", "comments"]].isna().all()
    assert frame.loc["s:8", "mentions"] == ""
    assert dict(source.gone) == {"s:8": pd.Timestamp("2016-01-06 01:30", tz="UTC")}
    assert len(source.fetch(symbol="300333.SZ")) == 1


@pytest.mark.parametrize("value", ["many", "-1"])
def test_count_that_is_none_is_refused_or_dropped(write, value):
    path = write(f"time,body,reads\n2016-01-04,甲,{value}\n2016-01-04,乙,5\n")
    with pytest.raises(DataError, match=f"row 1: '{value}' in column 'reads' is no count"):
        CsvTexts(path=path).fetch()
    source = CsvTexts(path=path, on_bad="drop")
    assert source.fetch().frame["body"].tolist() == ["乙"]
    assert source.counts.dropped == 1


def test_text_that_was_taken_back_stays_a_text(write):
    path = write("time,deleted_at,id,body\n2016-01-04 10:00,2016-01-04 10:30,1,快跑\n")
    source = CsvTexts(path=path)
    assert local(source.fetch()) == ["2016-01-04 10:00:00+08:00"]
    assert list(source.gone) == ["posts:1"]


def test_rows_of_one_id_with_other_words_are_versions_each_from_its_time(write):
    path = write(
        "time,edited_at,id,body\n"
        "2016-01-04 10:00,2016-01-06 12:00,1,第三\n"
        "2016-01-04 10:00,,1,第一\n"
        "2016-01-04 10:00,2016-01-05 12:00,1,第二\n"
        "2016-01-04 10:00,2016-01-05 13:00,1,第二\n"
        "2016-01-04 09:00,,2,另一条\n"
    )
    source = CsvTexts(path=path, source="s")
    texts = source.fetch()
    assert texts.frame["id"].tolist() == ["s:2", "s:1", "s:1@2", "s:1@3"]
    assert texts.frame["body"].tolist() == ["另一条", "第一", "第二", "第三"]
    assert texts.text_ids.tolist() == ["s:2", "s:1", "s:1", "s:1"]
    assert texts.available_at.is_monotonic_increasing
    assert source.counts.duplicates == 1


def test_other_words_without_a_later_time_are_not_known_earlier(write):
    path = write("time,id,body\n2016-01-04 10:00,1,第一\n2016-01-04 10:00,1,事后改的\n")
    source = CsvTexts(path=path)
    assert source.fetch().frame["body"].tolist() == ["第一"]
    assert source.counts.duplicates == 1


# Parquet ---------------------------------------------------------------------------------------------


def test_parquet_gives_what_the_same_rows_of_a_csv_give(write, tmp_path):
    path = write(
        "id,time,body,symbol,reads,weight\n"
        "7,2016-01-04 10:00:00,跌停,000573,12,1.5\n8,2016-01-04 11:00:00,大涨,,,2\n"
    )
    table = pd.DataFrame(
        {
            "id": [7, 8],
            "time": pd.to_datetime(["2016-01-04 10:00:00", "2016-01-04 11:00:00"]),
            "body": ["跌停", "大涨"],
            "symbol": ["000573", None],
            "reads": [12.0, None],
            "weight": [1.5, 2.0],
        }
    )
    table.to_parquet(tmp_path / "posts.parquet")
    found = ParquetTexts(path=str(tmp_path / "posts.parquet"), source="s").fetch()
    assert found.fingerprint == CsvTexts(path=path, source="s").fetch().fingerprint
    assert found.frame["id"].tolist() == ["s:7", "s:8"]


def test_parquet_keeps_zones_and_dates(tmp_path):
    table = pd.DataFrame(
        {
            "time": pd.to_datetime(["2016-01-04 10:00:00", None], utc=True),
            "first_seen": [None, pd.Timestamp("2016-01-05").date()],
            "body": ["甲", "乙"],
        }
    )
    table.to_parquet(tmp_path / "posts.parquet")
    source = ParquetTexts(path=str(tmp_path / "posts.parquet"), on_bad="drop")
    assert local(source.fetch()) == ["2016-01-04 18:00:00+08:00"]
    assert source.counts.dropped == 1
    table["time"] = table["time"].fillna(pd.Timestamp("2016-01-04 03:00", tz="UTC"))
    table.to_parquet(tmp_path / "posts.parquet")
    seen = source.fetch().frame.set_index("body")["first_seen"]
    assert str(seen["乙"].tz_convert("Asia/Shanghai")) == "2016-01-05 23:59:59.999999+08:00"


def test_parquet_that_is_none_and_a_missing_column_are_named(write, tmp_path):
    with pytest.raises(DataError, match=r"posts\.parquet is no Parquet file that can be read"):
        ParquetTexts(path=write("time,body\n", "posts.parquet")).fetch()
    pd.DataFrame({"when": ["2016-01-04"], "body": ["甲"]}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataError, match=r"x\.parquet has no column 'time': it has \['when', 'body'\]"):
        ParquetTexts(path=str(tmp_path / "x.parquet")).fetch()


@pytest.mark.parametrize("kind", ["csv.gz", "jsonl.gz"])
def test_cut_off_archive_is_one_sentence(write, kind):
    whole = Path(write('{"time": "2016-01-04", "body": "甲"}\n' * 50, f"posts.{kind}"))
    whole.write_bytes(whole.read_bytes()[:-20])
    source = (CsvTexts if kind == "csv.gz" else JsonlTexts)(path=str(whole))
    with pytest.raises(DataError, match="that can be read"):
        source.fetch()


def test_jsonl_with_a_line_separator_inside_a_text_is_one_row(write):
    line = json.dumps({"time": "2016-01-04", "body": "甲\u2028乙\x85丙"}, ensure_ascii=False)
    assert len(JsonlTexts(path=write(line, "posts.jsonl")).fetch()) == 1
