"""Archives of before there were versions, made by their own statements, opened by today's code."""

import multiprocessing
import sqlite3

import pandas as pd
import pytest

from qushi.core import Texts
from qushi.sentiment import TextArchive
from qushi.sentiment.identity import content_hash

OLD = """
CREATE TABLE scores (
    content_hash TEXT NOT NULL, model TEXT NOT NULL,
    p_neg FLOAT NOT NULL, p_neu FLOAT NOT NULL, p_pos FLOAT NOT NULL,
    PRIMARY KEY (content_hash, model)
);
CREATE TABLE texts (
    id TEXT NOT NULL, published_at BIGINT NOT NULL, first_seen BIGINT, edited_at BIGINT,
    available_at BIGINT NOT NULL, source TEXT NOT NULL, audience TEXT NOT NULL, symbol TEXT,
    title TEXT NOT NULL, body TEXT NOT NULL, weight FLOAT NOT NULL, content_hash TEXT NOT NULL,
    synthetic BOOLEAN NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX ix_texts_symbol ON texts (symbol);
CREATE INDEX ix_texts_available_at ON texts (available_at);
"""
FRAME = pd.DataFrame(
    {
        "id": ["guba:1", "guba:2", "wire:3"],
        "published_at": pd.to_datetime(
            ["2024-01-02 02:00", "2024-01-02 03:00", "2024-01-03 00:00"], utc=True
        ),
        "first_seen": pd.to_datetime([None, "2024-01-02 04:00:00.000001", None], utc=True),
        "edited_at": pd.to_datetime(["2024-01-05", None, None], utc=True),
        "source": ["guba", "guba", "wire"],
        "audience": ["public", "public", "institution"],
        "symbol": ["600519.SH", None, None],
        "title": ["", "标题", ""],
        "body": ["改过的", "正文", "公告"],
        "weight": [1.0, 2.5, 1.0],
    }
)


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "texts.sqlite"
    texts = Texts.from_frame(FRAME)
    table = texts.frame.drop(columns=["mentions", "reads", "comments", "version_of"])
    table["available_at"] = texts.available_at
    for name in ("published_at", "first_seen", "edited_at", "available_at"):
        whole = table[name].astype("datetime64[ns, UTC]").astype("int64").astype(object)
        table[name] = whole.where(table[name].notna(), None)
    table["content_hash"] = [content_hash(c) for c in texts.contents]
    table["synthetic"] = 0
    with sqlite3.connect(path) as connection:
        connection.executescript(OLD)
        table.to_sql("texts", connection, if_exists="append", index=False)
        score = (content_hash("公告"), "model", 0.25, 0.5, 0.25)
        connection.execute("INSERT INTO scores VALUES (?, ?, ?, ?, ?)", score)
    connection.close()
    return path


def test_old_archive_keeps_its_texts_and_scores(old):
    archive = TextArchive(old)
    expected = Texts.from_frame(FRAME)
    pd.testing.assert_frame_equal(archive.read().frame, expected.frame)
    assert archive.read(symbol="600519.SH").frame["body"].tolist() == ["改过的"]
    assert archive.scores([content_hash("公告")], "model")["p_neu"].tolist() == [0.5]
    assert len([c for page in archive.unscored("model") for c in page]) == 2


def test_old_archive_goes_on_with_versions_and_opens_again(old):
    archive = TextArchive(old)
    again = Texts.from_frame(FRAME.assign(body=["又改", "正文", "公告"]))
    report = archive.add(again, now=pd.Timestamp("2024-06-01", tz="UTC"))
    assert (report.new, report.duplicate, report.edited) == (0, 2, 1)
    archive.close()
    found = TextArchive(old).read().frame
    assert found["id"].tolist() == ["guba:2", "wire:3", "guba:1", "guba:1@2"]
    assert found["version_of"].tolist() == [None, None, None, "guba:1"]


def test_old_texts_count_as_recorded_when_they_were_carried_over(old):
    before = pd.Timestamp.now("UTC")
    archive = TextArchive(old)
    known = archive.read(known_from="recorded")
    assert len(known) == 3
    assert known.available_at.between(before, pd.Timestamp.now("UTC")).all()


def test_old_archive_has_the_indexes_of_a_new_one(old, tmp_path):
    TextArchive(old).close()
    TextArchive(tmp_path / "new.sqlite").close()

    def indexes(path):
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        connection = sqlite3.connect(path)
        found = set(connection.execute(query).fetchall())
        connection.close()
        return found

    assert indexes(old) == indexes(tmp_path / "new.sqlite")


def _open(path):
    assert len(TextArchive(path).read()) == 3


def test_many_processes_may_open_an_old_archive_at_once(old):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_open, args=(old,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
