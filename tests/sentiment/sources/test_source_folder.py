"""A folder watched for new files."""

import gzip
import json
import os
import time

import pandas as pd
import pytest

from qushi.core import ConfigError, DataError
from qushi.sentiment.sources._base import ALL, TextSource
from qushi.sentiment.sources.csv import CsvTexts
from qushi.sentiment.sources.folder import FolderTexts

ROW = "2024-01-0{day} 10:00,{id},{body}\n"


@pytest.fixture
def put(tmp_path):
    """Write a file that has been quiet for a minute (or `age` seconds)."""

    def writer(name, content, age=60.0):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        at = time.time() - age
        os.utime(path, (at, at))
        return path

    return writer


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    return lambda **settings: FolderTexts(folder=str(tmp_path / "in"), **settings)


def csv(*rows):
    return "time,id,body\n" + "".join(ROW.format(day=d, id=i, body=b) for d, i, b in rows)


def bodies(texts):
    return sorted(texts.frame["body"])


def take(source, done):
    """What an archive does: fetch the parts that are not done, remember those that are settled."""
    found = []
    for part in source.parts():
        if part in done:
            continue
        found += bodies(source.fetch_part(part))
        if source.settled(part):
            done.add(part)
    return found


def test_source_without_parts_is_one_part_that_is_the_whole(put):
    source = CsvTexts(path=str(put("a.csv", csv((2, 1, "甲")))))
    assert source.parts("2024-01-01") == (ALL,)
    assert source.fetch_part(ALL).fingerprint == source.fetch().fingerprint
    assert not source.settled(ALL)
    assert source.gone == {}
    assert type(source).declared is not TextSource.declared


def test_files_of_every_kind_are_read_by_one_mapping(put, folder):
    put("a.csv", csv((2, 1, "甲")))
    put("b.csv.gz", gzip.compress(csv((3, 2, "乙")).encode()))
    put("c.jsonl", json.dumps({"time": "2024-01-04 10:00", "id": 3, "body": "丙"}))
    path = put("d.parquet", b"")
    table = pd.DataFrame({"time": pd.to_datetime(["2024-01-05 10:00"]), "id": [4], "body": ["丁"]})
    table.to_parquet(path)
    os.utime(path, (time.time() - 60, time.time() - 60))
    put(".hidden.csv", "x")
    source = folder(source="s")
    texts = source.fetch()
    assert bodies(texts) == ["丁", "丙", "乙", "甲"]
    assert texts.frame["id"].tolist() == ["s:1", "s:2", "s:3", "s:4"]
    assert set(texts.frame["published_at"].dt.tz_convert("Asia/Shanghai").dt.hour) == {10}
    assert source.take_notes() == ()


def test_fetch_takes_only_new_and_changed_files(put, folder):
    done = set()
    put("a.csv", csv((2, 1, "甲")))
    assert take(folder(), done) == ["甲"]
    put("b.csv", csv((3, 2, "乙")))
    assert take(folder(), done) == ["乙"]
    assert take(folder(), done) == []
    put("a.csv", csv((2, 1, "甲"), (4, 3, "丙")), age=30)
    assert take(folder(), done) == ["丙", "甲"]
    assert take(folder(), done) == []


def test_file_that_changed_a_moment_ago_is_left_for_next_time(put, folder):
    done = set()
    put("a.csv", csv((2, 1, "甲")), age=0)
    source = folder()
    assert take(source, done) == []
    assert source.take_notes() == ("a.csv changed a moment ago: left for next time",)
    put("a.csv", csv((2, 1, "甲"), (3, 2, "乙")))
    assert take(folder(), done) == ["乙", "甲"]
    put("b.csv", csv((4, 3, "丙")), age=0)
    assert take(folder(quiet=0), done) == ["丙"]


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("a.csv.gz", gzip.compress(csv((2, 1, "甲")).encode(), mtime=0)),
        ("a.jsonl", json.dumps({"time": "2024-01-02 10:00", "id": 1, "body": "甲"}).encode()),
        ("a.jsonl.gz", gzip.compress(b'{"time": "2024-01-02 10:00", "id": 1, "body": "x"}', mtime=0)),
        ("a.parquet", None),
        ("a.csv", csv((2, 1, "甲")).encode()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_half_written_file_is_left_with_a_note_and_read_when_it_is_whole(put, folder, name, whole):
    if whole is None:
        table = pd.DataFrame({"time": ["2024-01-02 10:00"], "id": [1], "body": ["甲"]})
        whole = table.to_parquet()
    half, done = (whole[: len(whole) // 2] if name != "a.csv" else b""), set()
    put(name, half, age=600)
    source = folder()
    assert take(source, done) == []
    assert done == set()
    notes = source.take_notes()
    assert len(notes) == 1
    assert notes[0].startswith("left for next time: " + name)
    put(name, whole, age=60)
    assert len(take(folder(), done)) == 1
    assert len(done) == 1


def test_file_that_grows_while_it_is_read_is_left(put, folder, monkeypatch):
    path = put("a.csv", csv((2, 1, "甲")))
    source = folder()
    (part,) = source.parts()
    read = FolderTexts._rows

    def growing(self, at):
        rows = read(self, at)
        path.write_text(csv((2, 1, "甲"), (3, 2, "乙")), encoding="utf-8")
        return rows

    monkeypatch.setattr(FolderTexts, "_rows", growing)
    assert len(source.fetch_part(part)) == 0
    assert not source.settled(part)
    assert source.take_notes() == ("a.csv has just changed: left for next time",)


def test_file_that_is_gone_by_the_time_it_is_read_is_left(put, folder):
    path = put("a.csv", csv((2, 1, "甲")))
    source = folder()
    (part,) = source.parts()
    path.unlink()
    assert len(source.fetch_part(part)) == 0
    assert not source.settled(part)
    assert "a.csv" in source.take_notes()[0]


def test_whole_file_that_does_not_fit_the_mapping_is_an_error(put, folder):
    put("a.csv", "when,body\n2024-01-02,甲\n")
    with pytest.raises(DataError, match=r"a\.csv has no column 'time'"):
        folder().fetch()


def test_whole_file_without_rows_is_done(put, folder):
    done = set()
    put("a.csv", "time,id,body\n")
    assert take(folder(), done) == []
    assert len(done) == 1


def test_text_that_stands_in_two_files_with_other_words_has_two_versions(put, folder):
    put("a.csv", "time,first_seen,id,body\n2024-01-02 10:00,2024-01-02 11:00,1,涨\n")
    put("b.csv", "time,first_seen,id,body\n2024-01-02 10:00,2024-01-03 11:00,1,跌\n")
    frame = folder(source="s").fetch().frame
    assert frame["id"].tolist() == ["s:1", "s:1@2"]
    assert frame["version_of"].tolist() == [None, "s:1"]
    assert frame["body"].tolist() == ["涨", "跌"]


def test_source_is_the_folders_name_so_that_one_text_of_two_files_is_one(put, folder):
    put("a.csv", csv((2, 1, "甲")))
    put("b.csv", csv((2, 1, "甲")))
    source = folder()
    assert source.fetch().frame["id"].tolist() == ["in:1"]
    assert source.counts.duplicates == 1


def test_pattern_says_which_files_and_others_are_named(put, folder):
    put("a.csv", csv((2, 1, "甲")))
    put("deep/b.csv", csv((3, 2, "乙")))
    put("notes.xlsx", "x")
    source = folder()
    assert bodies(source.fetch()) == ["甲"]
    assert source.take_notes() == ("passed over, no CSV, JSON lines or Parquet: notes.xlsx",)
    assert bodies(folder(pattern="**/*.csv").fetch()) == ["乙", "甲"]
    assert bodies(folder(pattern="deep/*").fetch()) == ["乙"]


def test_empty_folder_brings_nothing_and_a_missing_one_is_named(folder, tmp_path):
    assert folder().parts() == ()
    assert len(folder().fetch()) == 0
    with pytest.raises(DataError, match="there is no folder"):
        FolderTexts(folder=str(tmp_path / "gone")).parts()


def test_settings_are_those_of_files(folder):
    with pytest.raises(ConfigError, match="unknown key 'path'"):
        FolderTexts.parse({"folder": "x", "path": "y"}, "[texts]")
    assert folder().key == folder(quiet=1).key
    assert folder().key != folder(encoding="gb18030").key
