import multiprocessing
import sqlite3
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from qushi.core import ConfigError, DataError, QushiError, Texts
from qushi.sentiment import ImportReport, TextArchive
from qushi.sentiment.identity import content_hash
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
                "first_seen": utc("2024-01-02 03:00:00.000001", None),
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


def bodies(archive, **query):
    return archive.read(**query).frame["body"].tolist()


def test_edit_is_another_row_and_the_first_row_never_changes(archive):
    archive.add(texts(["a", "b"], ["甲", "乙"], reads=10.0, comments=2.0))
    before = archive.read()
    edited = texts(["a"], ["改"], edited_at=utc("2024-01-05"), reads=99.0)
    assert archive.add(edited) == ImportReport(new=0, duplicate=0, edited=1)
    after = archive.read()
    pd.testing.assert_frame_equal(after.frame.iloc[:2], before.frame)
    later = after.frame.iloc[2]
    assert (later["id"], later["version_of"], later["body"]) == ("a@2", "a", "改")
    assert later["reads"] == 99.0
    assert after.available_at[2] == pd.Timestamp("2024-01-05", tz="UTC")
    assert after.text_ids.tolist() == ["a", "b", "a"]
    assert archive.add(edited) == ImportReport(new=0, duplicate=1)
    assert bodies(archive, end="2024-01-04") == ["甲", "乙"]
    assert len(archive) == 3


def test_later_read_count_is_no_new_version(archive):
    archive.add(texts(["a"], ["甲"], reads=10.0, comments=1.0))
    before = archive.read().fingerprint
    assert archive.add(texts(["a"], ["甲"], reads=9e6, comments=5e4)).duplicate == 1
    assert archive.read().fingerprint == before


def test_edit_counts_from_when_its_source_saw_it_where_it_says_so(archive):
    archive.add(texts(["a"], ["甲"], first_seen=utc("2024-01-02 03:00")))
    archive.add(texts(["a"], ["改"], first_seen=utc("2024-01-09"), edited_at=utc("2024-01-05")))
    assert archive.read().available_at[1] == pd.Timestamp("2024-01-09", tz="UTC")


def test_edit_without_a_date_counts_from_the_moment_it_was_met(archive):
    archive.add(texts(["a"], ["甲"]))
    met = pd.Timestamp("2024-02-01 10:00", tz="Asia/Shanghai")
    archive.add(texts(["a"], ["改"]), now=met)
    found = archive.read()
    assert found.available_at[1] == met
    assert found.frame["first_seen"].tolist() == [pd.NaT, met]
    assert found.frame["edited_at"].isna().all()


def test_edit_with_the_old_date_is_none_that_its_source_dates(archive):
    at = utc("2024-01-05")
    archive.add(texts(["a"], ["甲"], edited_at=at))
    met = pd.Timestamp("2024-02-01", tz="UTC")
    archive.add(texts(["a"], ["改"], edited_at=at), now=met)
    assert archive.read().available_at.tolist() == [at[0], met]


def test_crawls_dated_by_the_time_of_the_crawl_date_each_version_by_the_first_that_saw_it(archive):
    for day, body in enumerate(["甲", "甲", "改", "改", "甲"], start=3):
        archive.add(texts(["a"], [body], edited_at=utc(f"2024-01-{day:02d}")))
    assert bodies(archive) == ["甲", "改", "甲"]
    assert archive.read().available_at.tolist() == list(utc("2024-01-03", "2024-01-05", "2024-01-07"))


def test_edit_never_counts_before_the_version_before_it(archive):
    archive.add(texts(["a"], ["甲"], first_seen=utc("2024-01-03")))
    archive.add(texts(["a"], ["改"], edited_at=utc("2024-01-02 12:00")))
    assert archive.read().available_at.tolist() == [pd.Timestamp("2024-01-03", tz="UTC")] * 2
    assert bodies(archive) == ["甲", "改"]


def test_editing_back_and_forth_makes_versions_too(archive):
    for day, body in enumerate(["甲", "改", "改", "甲", "改"], start=1):
        archive.add(texts(["a"], [body]), now=pd.Timestamp(f"2024-02-0{day}", tz="UTC"))
    found = archive.read().frame
    assert found["body"].tolist() == ["甲", "改", "甲", "改"]
    assert found["id"].tolist() == ["a", "a@2", "a@3", "a@4"]


def test_older_version_that_comes_late_counts_from_its_own_date(archive):
    archive.add(texts(["a"], ["新"], edited_at=utc("2024-01-08")))
    archive.add(texts(["a"], ["旧"], edited_at=utc("2024-01-04")))
    assert bodies(archive) == ["旧", "新"]
    assert archive.add(texts(["a"], ["新"])).duplicate == 1, "the last version is the one dated last"
    assert archive.add(texts(["a"], ["旧"], edited_at=utc("2024-01-04"))).duplicate == 1


def test_versions_that_a_source_states_keep_their_own_times_and_come_once(archive):
    seen = utc("2024-01-02", "2024-01-03", "2024-01-04")
    stated = texts(["a", "a@2", "a@3"], ["甲", "改", "甲"], first_seen=seen, version_of=[None, "a", "a"])
    assert archive.add(stated) == ImportReport(new=1, duplicate=0, edited=2)
    first = archive.read()
    pd.testing.assert_frame_equal(first.frame, stated.frame)
    grown = texts(
        ["a", "a@2", "a@3", "a@4"],
        ["甲", "改", "甲", "再"],
        first_seen=[*seen, pd.Timestamp("2024-01-05", tz="UTC")],
        version_of=[None, "a", "a", "a"],
    )
    assert archive.add(grown) == ImportReport(new=0, duplicate=3, edited=1)
    assert archive.add(grown) == ImportReport(new=0, duplicate=4)
    pd.testing.assert_frame_equal(archive.read().frame, grown.frame)


def test_archive_copied_into_another_has_the_same_versions(archive, tmp_path):
    for day, body in enumerate(["甲", "改", "甲"], start=1):
        archive.add(texts(["a"], [body]), now=pd.Timestamp(f"2024-02-0{day}", tz="UTC"))
    other = TextArchive(tmp_path / "other.sqlite")
    other.add(archive.read())
    other.add(archive.read())
    other.add(archive.read(start="2024-02-02"))
    pd.testing.assert_frame_equal(other.read().frame, archive.read().frame)


def test_same_file_again_changes_nothing_even_after_a_later_one(archive):
    one, two = texts(["a", "b"], ["甲", "乙"]), texts(["a", "b"], ["改", "乙"])
    archive.add(one, once=True)
    archive.add(two, once=True)
    before = archive.read().fingerprint
    assert archive.add(one, once=True) == ImportReport(new=0, duplicate=2)
    assert archive.read().fingerprint == before
    assert archive.add(one).edited == 1, "a live source says what it reads now"


def test_id_like_that_of_a_version_gets_out_of_the_way_or_is_refused(archive):
    archive.add(texts(["a", "a@2"], ["甲", "别的"]))
    archive.add(texts(["a"], ["改"]))
    assert sorted(archive.read().frame["id"]) == ["a", "a@2", "a@3"]
    with pytest.raises(DataError, match=r"'a@3' is taken"):
        archive.add(texts(["z", "a@3"], ["新", "又一"]))
    assert len(archive) == 3, "all or none"


def test_recorded_texts_count_from_the_clock_of_this_machine(archive):
    met = pd.Timestamp("2024-03-01 09:00", tz="UTC")
    archive.add(texts(["a"], ["甲"]), now=met)
    archive.add(texts(["a"], ["改"], edited_at=utc("2024-01-05")), now=met + pd.Timedelta("1D"))
    archive.add(texts(["c"], ["后"], at="2024-05-01"), now=met + pd.Timedelta("2D"))
    known = archive.read(known_from="recorded")
    assert known.frame["body"].tolist() == ["甲", "改", "后"]
    assert known.available_at.tolist() == [
        met, met + pd.Timedelta("1D"), pd.Timestamp("2024-05-01", tz="UTC")
    ]  # fmt: skip
    assert bodies(archive, end="2024-02-28", known_from="recorded") == []
    assert bodies(archive, end="2024-02-28") == ["甲", "改"]
    assert bodies(archive, start="2024-03-02", known_from="recorded") == ["改", "后"]
    with pytest.raises(ConfigError, match="did you mean 'recorded'"):
        archive.read(known_from="record")


def test_text_taken_back_is_marked_and_read_as_before(archive):
    added = texts(["a", "b"], ["甲", "乙"])
    gone = {"a": pd.Timestamp("2024-01-03", tz="UTC"), "never met": pd.Timestamp("2024-01-03", tz="UTC")}
    assert archive.add(added, gone=gone) == ImportReport(new=2, duplicate=0, gone=1)
    assert archive.add(added, gone=gone) == ImportReport(new=0, duplicate=2)
    assert archive.read().fingerprint == added.fingerprint
    assert archive.status()["gone"].tolist() == [1]


def test_snapshot_marks_what_is_no_longer_there_inside_its_window(archive):
    def posts(ids, symbol="600519.SH", source="guba"):
        frame = pd.DataFrame({"id": ids, "body": ids, "audience": "public", "symbol": symbol})
        at = pd.to_datetime([f"2024-01-{ord(i[0]) - 96:02d} 02:00" for i in ids], utc=True)
        return Texts.from_frame(frame.assign(published_at=at, source=source))

    archive.add(posts(["a", "b", "c", "d", "e", "f"]))
    archive.add(posts(["c1"], symbol="000001.SZ"))
    archive.add(posts(["c2"], source="xueqiu"))
    assert archive.add(posts(["b", "e", "f"]), snapshot=True).gone == 2  # c and d, not a: before it
    assert archive.add(posts(["b", "e", "f"]), snapshot=True).gone == 0
    status = archive.status().set_index("source")
    assert status["gone"].to_dict() == {"guba": 2, "xueqiu": 0}
    assert len(archive.read()) == 8


def test_batches_give_what_read_gives_in_order_without_holding_it(archive):
    rng = np.random.default_rng(0)
    minutes = rng.integers(0, 12, 90)  # many texts at one moment: the id has to go on from there
    at = pd.Timestamp("2024-01-02", tz="UTC") + pd.to_timedelta(minutes, unit="min")
    frame = pd.DataFrame({"id": [f"t{i:03d}" for i in rng.permutation(90)], "audience": "public"})
    frame["audience"] = np.where(minutes % 3, "public", "institution")
    archive.add(Texts.from_frame(frame.assign(body=frame["id"], published_at=at)))
    whole = archive.read()
    for rows in (1, 7, 89, 90, 91):
        batches = list(archive.batches(rows=rows))
        assert max(map(len, batches)) <= rows
        joined = pd.concat([b.frame for b in batches], ignore_index=True)
        pd.testing.assert_frame_equal(joined, whole.frame)
    window = {"start": "2024-01-02 08:03", "end": "2024-01-02 08:09", "audience": "institution"}
    joined = pd.concat([b.frame for b in archive.batches(rows=10, **window)], ignore_index=True)
    pd.testing.assert_frame_equal(joined, archive.read(**window).frame)
    assert list(archive.batches(symbol="nobody")) == []
    with pytest.raises(ConfigError, match="at least 1 row"):
        archive.batches(rows=0)


def test_memory_of_batches_does_not_grow_with_the_archive(archive):
    body = "恐慌" * 400

    def peak():
        tracemalloc.start()
        for batch in archive.batches(rows=100):
            assert len(batch) == 100
        for contents in archive.unscored("model", rows=100):
            assert len(contents) == 100
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    def grow(first, last):
        ids = [f"{i:05d}" for i in range(first, last)]
        archive.add(texts(ids, [body + i for i in ids]))

    grow(0, 200)
    peak()  # what is compiled and cached once
    small = peak()
    grow(200, 1_200)
    assert peak() < 1.5 * small


def test_unscored_lists_each_content_once_and_no_other(archive):
    archive.add(texts(["a", "b", "c"], ["甲", "甲", "乙"]))
    archive.add(texts(["d"], ["B"], title="A"))
    archive.add(texts(["e"], ["A\nB"]))  # the same content, parted elsewhere
    found = [pair for page in archive.unscored("m", rows=2) for pair in page]
    assert archive.unscored_count("m") == len(found) == 3
    assert sorted(found) == sorted((content_hash(c), c) for c in ["甲", "乙", "A\nB"])
    table = pd.DataFrame({"p_neg": [1.0], "p_neu": [0.0], "p_pos": [0.0]}, index=[content_hash("甲")])
    archive.keep_scores(table, "m")
    assert {c for page in archive.unscored("m") for _, c in page} == {"乙", "A\nB"}
    assert {c for page in archive.unscored("other") for _, c in page} == {"甲", "乙", "A\nB"}


def test_scoring_while_the_list_goes_on_meets_every_content_once(archive):
    archive.add(texts([f"{i}" for i in range(50)], [f"文{i}" for i in range(50)]))
    met = []
    for page in archive.unscored("m", rows=8):
        met += [c for _, c in page]
        table = pd.DataFrame(0.5, index=[h for h, _ in page], columns=["p_neg", "p_neu", "p_pos"])
        archive.keep_scores(table, "m")
    assert sorted(met) == sorted(f"文{i}" for i in range(50))


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


def test_database_that_will_not_be_written_is_one_sentence_and_nothing_is_kept(archive, tmp_path):
    with sqlite3.connect(tmp_path / "deep" / "texts.sqlite") as connection:
        connection.execute("DROP TABLE met")
    connection.close()
    with pytest.raises(QushiError, match="could not be written: no such table: met"):
        archive.add(texts(["a"], ["甲"]))
    assert len(archive) == 0


@pytest.mark.parametrize("url", ["mysql://host/db", "nonsense://x", "duckdb:///x"])
def test_another_kind_of_database_is_refused(url):
    with pytest.raises(ConfigError):
        TextArchive(url)
