import sys

import pandas as pd
import pytest

from qushi.core import DataError, MissingExtraError, Texts
from qushi.sentiment import TextArchive
from qushi.sentiment.sources.archive import ArchivedTexts


def some_texts():
    at = pd.to_datetime(["2024-01-02 02:00", "2024-01-03 02:00"], utc=True)
    return Texts.from_frame(
        pd.DataFrame({"id": ["a", "b"], "published_at": at, "audience": "public", "body": ["跌", "涨"]})
    )


def test_archived_texts_come_back_by_window(tmp_path):
    path = tmp_path / "texts.sqlite"
    TextArchive(path).add(some_texts())
    source = ArchivedTexts(url=str(path))
    assert source.fetch().frame["id"].tolist() == ["a", "b"]
    assert source.fetch(end="2024-01-02").frame["id"].tolist() == ["a"]


def test_archived_texts_may_count_from_when_this_machine_met_them(tmp_path):
    path = tmp_path / "texts.sqlite"
    TextArchive(path).add(some_texts(), now=pd.Timestamp("2024-01-02 12:00", tz="UTC"))
    source = ArchivedTexts(url=str(path), known_from="recorded")
    assert source.fetch(end="2024-01-02 15:00").frame["id"].tolist() == []
    assert source.fetch(end="2024-01-02 20:00").frame["id"].tolist() == ["a"]
    assert source.fetch().frame["id"].tolist() == ["a", "b"]


def test_archived_texts_without_an_archive_say_how_to_fill_one(tmp_path):
    with pytest.raises(DataError, match="fill one with qushi texts import"):
        ArchivedTexts(url=str(tmp_path / "none.sqlite")).fetch()
    assert not (tmp_path / "none.sqlite").exists()


def test_archive_on_postgres_without_its_driver_says_which_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'qushi\[postgres\]'"):
        TextArchive("postgresql+psycopg://team@localhost/texts")
