import json

import pandas as pd
import pytest

from qushi.core import DataError
from qushi.sentiment import clean_labels, read_labels, sample_labels
from qushi.sentiment.labels import stratified_split
from qushi.sentiment.sources.sample import SampleTexts


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


def test_stratified_split_is_seeded_disjoint_and_proportional():
    labels = pd.Series(["neg"] * 50 + ["neu"] * 30 + ["pos"] * 20)
    train, valid = stratified_split(labels, 0.2, seed=3)
    assert stratified_split(labels, 0.2, seed=3) == (train, valid)
    assert stratified_split(labels, 0.2, seed=4)[1] != valid
    assert sorted(train + valid) == list(range(100))
    assert labels[valid].value_counts().to_dict() == {"neg": 10, "neu": 6, "pos": 4}


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
