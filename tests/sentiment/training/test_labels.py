import json

import numpy as np
import pandas as pd
import pytest

from qushi.core import DataError
from qushi.sentiment import clean_labels, read_labels, sample_labels
from qushi.sentiment.sources.sample import SampleTexts
from qushi.sentiment.training.labels import label_times
from qushi.sentiment.training.splitting import (
    SplitSettings,
    knowledge_cutoff,
    label_weights,
    split_labels,
    stratified_split,
    time_split,
)


def test_read_labels_from_csv_takes_names_numbers_and_aliases(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("label,text\n0,跌\npos,涨\n中性,平\nBearish,崩\n", encoding="utf-8")
    assert read_labels(path)["label"].tolist() == ["neg", "pos", "neu", "neg"]


def test_read_labels_with_a_mapping_takes_only_that(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("y,t,d\n1,涨,2020-01-01\n-1,跌,2020-01-02\n", encoding="utf-8")
    found = read_labels(path, label="y", text="t", time="d", labels={"1": "pos", "-1": "neg"})
    assert found["label"].tolist() == ["pos", "neg"]
    assert found["time"].tolist() == ["2020-01-01", "2020-01-02"]
    with pytest.raises(DataError, match="the label '-1' means nothing here"):
        read_labels(path, label="y", text="t")


def test_read_labels_from_json_pairs(tmp_path):
    path = tmp_path / "train.json"
    path.write_text(json.dumps([["跌", 0], ["平", 1], ["涨", 2]]), encoding="utf-8")
    assert read_labels(path)["label"].tolist() == ["neg", "neu", "pos"]
    path.write_text('{"a": 1}', encoding="utf-8")
    with pytest.raises(DataError, match="no JSON list of"):
        read_labels(path)


def test_read_labels_without_file_or_column_says_so(tmp_path):
    with pytest.raises(DataError, match="no file"):
        read_labels(tmp_path / "gone.csv")
    path = tmp_path / "labels.csv"
    path.write_text("label,body\n0,跌\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"no column 'text': it has \['label', 'body'\]"):
        read_labels(path)


def test_clean_labels_removes_and_counts():
    rows = [
        ("neg", "跌停"),
        ("neg", "跌 停"),  # a duplicate but for the blank
        ("pos", "涨"),
        ("neg", "涨"),  # in conflict: neither stays
        ("neu", "  "),
        ("neu", "平"),
        ("pos", "留出"),
    ]
    kept, report = clean_labels(
        pd.DataFrame(rows, columns=["label", "text"]), held_out=["留出！", "留出"]
    )
    assert kept["text"].tolist() == ["跌停", "平"]
    assert (report.rows, report.empty, report.duplicates) == (7, 1, 2)
    assert (report.conflicting, report.held_out, report.kept) == (1, 1, 2)


def test_clean_labels_with_an_unknown_label_raises():
    with pytest.raises(DataError, match="received '0'"):
        clean_labels(pd.DataFrame({"label": [0], "text": ["跌"]}))


def test_read_labels_takes_every_format_alike(tmp_path):
    rows = pd.DataFrame(
        {"label": ["neg", "pos"], "text": ["跌", "涨"], "time": ["2020-01-01 10:00", "2020-01-02"]}
    )
    rows.to_csv(tmp_path / "a.csv", index=False)
    rows.to_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.json").write_text(rows.to_json(orient="records"), encoding="utf-8")
    (tmp_path / "a.jsonl").write_text(rows.to_json(orient="records", lines=True), encoding="utf-8")
    for kind in ("csv", "parquet", "json", "jsonl"):
        found = read_labels(tmp_path / f"a.{kind}", time="time")
        assert found.to_dict("list") == rows.to_dict("list"), kind


def test_read_labels_from_torn_json_lines_names_the_line(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"label": 0, "text": "跌"}\n{"label": ', encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.jsonl, line 2: no JSON"):
        read_labels(path)


def test_read_labels_with_a_mapping_still_knows_the_usual_words(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("label,text\n多,涨\n空,跌\n中性,平\n", encoding="utf-8")
    assert read_labels(path, labels={"多": "pos", "空": "利空"})["label"].tolist() == [
        "pos",
        "neg",
        "neu",
    ]
    with pytest.raises(DataError, match="received 'up'"):
        read_labels(path, labels={"多": "up"})


def test_clean_labels_shows_what_conflicts():
    rows = [
        ("neg", "涨 停"),
        ("pos", "涨停"),
        ("pos", "涨停"),
        ("neu", "平"),
        ("neg", "跌"),
        ("neu", "跌"),
    ]
    found = clean_labels(pd.DataFrame(rows, columns=["label", "text"]))[1].conflicts
    assert found.to_dict("records") == [
        {"text": "涨 停", "labels": "neg pos", "counts": "1 2"},
        {"text": "跌", "labels": "neg neu", "counts": "1 1"},
    ]


def test_clean_labels_keeps_the_earliest_of_dated_duplicates():
    table = pd.DataFrame(
        {
            "label": "neg",
            "text": ["跌停", "跌", "跌停"],
            "time": ["2020-01-03", "2020-01-02", "2020-01-01"],
        }
    )
    assert clean_labels(table)[0]["time"].tolist() == ["2020-01-02", "2020-01-01"]


def test_label_times_are_shanghais_and_a_bare_date_is_its_end():
    strings = pd.DataFrame({"time": ["2020-01-02 10:00", "2020-01-02", "2020-01-02T10:00:00Z", ""]})
    local = label_times(strings).dt.tz_convert("Asia/Shanghai")
    assert str(local[0]) == "2020-01-02 10:00:00+08:00"
    assert str(local[1]).startswith("2020-01-02 23:59:59.99")
    assert str(local[2]) == "2020-01-02 18:00:00+08:00"
    assert pd.isna(local[3])
    dates = pd.DataFrame({"time": pd.to_datetime(["2020-01-02", "2020-01-03"])})
    assert (label_times(dates) == label_times(dates.astype(str))).all()


def test_stratified_split_is_seeded_disjoint_and_proportional():
    labels = pd.Series(["neg"] * 50 + ["neu"] * 30 + ["pos"] * 20)
    train, valid, test = stratified_split(labels, 0.2, seed=3, test=0.1)
    assert stratified_split(labels, 0.2, seed=3, test=0.1) == (train, valid, test)
    assert stratified_split(labels, 0.2, seed=4, test=0.1)[1] != valid
    assert sorted(train + valid + test) == list(range(100))
    assert labels[valid].value_counts().to_dict() == {"neg": 10, "neu": 6, "pos": 4}
    assert labels[test].value_counts().to_dict() == {"neg": 5, "neu": 3, "pos": 2}
    with pytest.raises(DataError, match="'pos' has 2 of the 3 texts"):
        stratified_split(pd.Series(["neg"] * 9 + ["pos"] * 2), 0.2, seed=0, test=0.1)


def test_time_split_never_mixes_moments():
    generator = np.random.default_rng(0)
    days = pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(generator.integers(0, 30, 200), "D")
    times = pd.Series(days)
    train, valid, test = time_split(times, 0.2, 0.2)
    assert sorted(train + valid + test) == list(range(200))
    assert times[train].max() < times[valid].min()
    assert times[valid].max() < times[test].min()
    assert len(test) >= 40
    assert time_split(times, 0.2)[2] == []
    with pytest.raises(DataError, match="1 different times cannot be split"):
        time_split(times.where(times.isna(), times[0]), 0.2, 0.2)


def dated(rows):
    moments = pd.date_range("2020-01-01", periods=rows, freq="h")
    labels = ["neg", "pos", "neu"] * (rows // 3)
    texts = [f"第{n}条" for n in range(rows)]
    return pd.DataFrame({"label": labels, "text": texts, "time": moments.astype(str)})


def test_split_by_time_leaves_out_what_has_no_time():
    table = dated(60)
    table.loc[[3, 7], "time"] = ""
    rows = split_labels(table, SplitSettings(split="time"))
    assert rows.untimed == 2
    assert len(rows.train) + len(rows.valid) + len(rows.test) == 58
    assert rows.part(rows.test)["time"].min() > rows.part(rows.valid)["time"].max()


def test_split_with_a_test_set_judges_on_it_alone_and_trains_on_none_of_it():
    table = dated(60)
    test = table.iloc[:5].drop(columns="time")
    rows = split_labels(table, SplitSettings(), test=test)
    assert rows.part(rows.test)["text"].tolist() == test["text"].tolist()
    assert not set(test["text"]) & set(rows.part(rows.train + rows.valid)["text"])
    assert rows.clean.held_out == 5
    with pytest.raises(DataError, match="the test set has the label 'neu'"):
        split_labels(table[table["label"] != "neu"], SplitSettings(), test=test)


def test_knowledge_cutoff_is_of_the_last_label_or_of_the_base():
    table = dated(30)
    assert str(knowledge_cutoff(table)) == "2020-01-02 05:00:00+08:00"
    assert str(knowledge_cutoff(table, "2021-06-30")).startswith("2021-06-30 23:59:59")
    assert knowledge_cutoff(table, None) is None
    assert knowledge_cutoff(table.drop(columns="time")) is None
    assert knowledge_cutoff(table.assign(time=["", *table["time"][1:]])) is None


def test_balanced_weights_make_every_label_weigh_the_same():
    labels = pd.Series(["neg"] * 6 + ["pos"] * 2)
    weights = label_weights(labels, "balanced")
    assert labels.map(weights).groupby(labels).sum().tolist() == [4.0, 4.0]
    assert label_weights(labels, "none") == {"neg": 1.0, "pos": 1.0}


def test_sample_labels_never_repeat_a_dated_text():
    table = sample_labels()
    assert 1500 <= len(table) <= 3000
    assert set(table["label"]) == {"neg", "neu", "pos"}
    assert not set(table["text"]) & set(SampleTexts().fetch().contents)
    assert clean_labels(table)[1].kept == len(table)


@pytest.mark.shared_data
def test_finfe_is_as_dirty_as_its_page_says(shared_data):
    folder = shared_data / "fincuge_finfe"
    train, held = read_labels(folder / "train_list.json"), read_labels(folder / "eval_list.json")
    _, report = clean_labels(train, held_out=held["text"].tolist())
    assert report.rows == 16157
    assert report.duplicates == 4511
    assert report.kept == 9781
