import multiprocessing

import pandas as pd
import pytest

from qushi.core import ConfigError, Texts
from qushi.sentiment import ImportReport, TextArchive
from qushi.sentiment.sources.csv import CsvTexts


def utc(*moments):
    return pd.to_datetime(list(moments), utc=True, format="ISO8601")


def texts(ids, bodies, *, at="2024-01-02 02:00", synthetic=False, **columns):
    frame = pd.DataFrame({"id": ids, "body": bodies, "audience": "public"}).assign(
        published_at=pd.Timestamp(at, tz="UTC"), **columns
    )
    return Texts.from_frame(frame, synthetic=synthetic)


@pytest.fixture
def archive(tmp_path):
    found = TextArchive(tmp_path / "deep" / "texts.sqlite")
    yield found
    found.close()


def test_read_gives_back_what_was_added(archive):
    added = Texts.from_frame(
        pd.DataFrame(
            {
                "id": ["a", "b"],
                "published_at": utc("2024-01-02 02:00", "2024-01-03 02:00:00.123456"),
                "first_seen": utc("2024-01-02 03:00", None),
                "audience": ["public", "institution"],
                "symbol": ["600519.SH", None],
                "source": "s",
                "title": ["标题", ""],
                "body": ["正文", "恐慌"],
                "weight": [2.5, 1.0],
            }
        )
    )
    assert archive.add(added) == ImportReport(new=2, duplicate=0)
    found = archive.read()
    pd.testing.assert_frame_equal(found.frame, added.frame)
    assert found.fingerprint == added.fingerprint
    assert len(archive) == 2


def test_add_again_changes_nothing(archive):
    added = texts(["a", "b"], ["甲", "乙"])
    archive.add(added)
    before = archive.read().fingerprint
    assert archive.add(added) == ImportReport(new=0, duplicate=2)
    assert archive.read().fingerprint == before


def test_edited_text_keeps_first_seen_and_counts_from_the_edit(archive):
    archive.add(texts(["a"], ["甲"], first_seen=utc("2024-01-02 03:00")))
    edited = texts(["a"], ["改"], first_seen=utc("2024-01-09"), edited_at=utc("2024-01-05"))
    assert archive.add(edited) == ImportReport(new=0, duplicate=0, edited=1)
    found = archive.read()
    assert found.frame["body"].tolist() == ["改"]
    assert found.frame["first_seen"][0] == pd.Timestamp("2024-01-02 03:00", tz="UTC")
    assert found.available_at[0] == pd.Timestamp("2024-01-05", tz="UTC")
    assert archive.add(edited).duplicate == 1
    assert len(archive.read(end="2024-01-04")) == 0


def test_edit_without_a_date_counts_from_the_moment_it_was_met(archive):
    archive.add(texts(["a"], ["甲"]))
    met = pd.Timestamp("2024-02-01 10:00", tz="Asia/Shanghai")
    archive.add(texts(["a"], ["改"]), now=met)
    assert archive.read().available_at[0] == met


def test_read_by_window_symbol_and_audience(archive):
    archive.add(texts(["a"], ["甲"], at="2024-01-02 02:00", symbol="600519.SH"))
    archive.add(texts(["b"], ["乙"], at="2024-01-03 15:59:59", audience="institution"))
    archive.add(texts(["c"], ["丙"], at="2024-01-03 16:00:00"))

    def ids(**query):
        return archive.read(**query).frame["id"].tolist()

    assert ids(start="2024-01-03", end="2024-01-03") == ["b"]  # the local day ends at 16:00 UTC
    assert ids(start="2024-01-04") == ["c"]
    assert ids(symbol="600519.SH") == ["a"]
    assert ids(audience="public") == ["a", "c"]
    assert ids(symbol="nobody") == []


def test_synthetic_texts_make_the_answer_synthetic(archive):
    archive.add(texts(["a"], ["甲"]))
    assert not archive.read().synthetic
    archive.add(texts(["b"], ["乙"], at="2024-03-02 02:00", synthetic=True))
    assert archive.read().synthetic
    assert not archive.read(end="2024-02-01").synthetic


def test_fill_counts_what_the_source_left_out(archive, tmp_path):
    path = tmp_path / "posts.csv"
    path.write_text("time,body\n2016-01-04 10:00,甲\n2016-01-04 11:00,甲\n,乙\n", encoding="utf-8")
    notes = []

    class Listener:
        def begin(self, task, total): ...
        def advance(self, task, steps=1): ...
        def note(self, message):
            notes.append(message)

    source = CsvTexts(path=str(path), on_bad="drop")
    report = archive.fill(source, progress=Listener())
    assert report == ImportReport(new=1, duplicate=1, dropped=1)
    assert archive.fill(source) == ImportReport(new=0, duplicate=2, dropped=1)
    assert notes == ["1 of 3 texts have no usable time or no words: left out"]


def test_scores_are_kept_by_text_and_model(archive):
    table = pd.DataFrame({"p_neg": [0.1, 1 / 3], "p_neu": [0.2, 1 / 3], "p_pos": [0.7, 1 / 3]},
                         index=["x", "y"])  # fmt: skip
    archive.keep_scores(table, "model-1")
    archive.keep_scores(table * 0, "model-1")  # known ones stay as they are
    found = archive.scores(["y", "x", "z"], "model-1")
    pd.testing.assert_frame_equal(found.sort_index(), table, check_names=False, check_exact=True)
    assert archive.scores(["x"], "model-2").empty


def test_summary_counts_by_source_audience_and_symbol(archive):
    archive.add(texts(["a", "b"], ["甲", "乙"], source="s"))
    assert archive.summary()["texts"].tolist() == [2]


def _write(path, worker):
    archive = TextArchive(path)
    for batch in range(5):
        ids = [f"{worker}-{batch}-{i}" for i in range(20)] + [f"shared-{batch}"]
        archive.add(texts(ids, [f"文{i}" for i in ids]))
        archive.read()
    archive.close()


def test_many_processes_may_write(tmp_path):
    path = tmp_path / "texts.sqlite"
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_write, args=(path, w)) for w in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert len(TextArchive(path)) == 4 * 5 * 20 + 5


@pytest.mark.parametrize("url", ["mysql://host/db", "nonsense://x", "duckdb:///x"])
def test_another_kind_of_database_is_refused(url):
    with pytest.raises(ConfigError):
        TextArchive(url)
