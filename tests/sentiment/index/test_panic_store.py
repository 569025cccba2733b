"""The stored index: grown session by session it is the whole, and what is published stays."""

import numpy as np
import pandas as pd
import pytest

from panic_texts import GRID, eventful, part, scored
from qushi.core import DataError
from qushi.core.calendar import session_of
from qushi.sentiment import TextArchive
from qushi.sentiment.index.admission import weight_warnings
from qushi.sentiment.index.panic import PanicSettings, panic_index
from qushi.sentiment.index.sectors import Sectors
from qushi.sentiment.index.store import PanicRecipe, PanicStore, grow

SMALL = PanicSettings(window=8, min_history=3, n_min=3)
SECTORS = Sectors.of({"酒": ["600519.SH", "000858.SZ"]})
TEXTS = eventful(days=40)
SESSION = session_of(pd.DatetimeIndex(TEXTS.available_at), "XSHG")


def at(day, clock="20:00"):
    return pd.Timestamp(f"{GRID[day].date()} {clock}", tz="Asia/Shanghai")


def made(texts, end):
    return panic_index(texts, scored(texts), "XSHG", SMALL, end=end, sectors=SECTORS).frame


@pytest.fixture
def place(tmp_path):
    """A store, an archive and a recipe; `prepare` keeps the texts that it was given."""
    archive = TextArchive(tmp_path / "texts.sqlite")
    recipe = PanicRecipe(str(tmp_path / "texts.sqlite"), "f", "XSHG", SMALL, SECTORS)
    yield _Place(PanicStore(tmp_path / "panic"), recipe, archive)
    archive.close()


class _Place:
    def __init__(self, store, recipe, archive):
        self.store, self.recipe, self.archive = store, recipe, archive
        self.read = []

    def prepare(self, texts):
        self.read += texts.frame["id"].tolist()
        return texts, scored(texts)

    def fill(self, day, after=-1):
        """The texts of the sessions up to `day`, met by the archive that evening."""
        keep = (GRID[day] >= SESSION) & ((after < 0) | (GRID[max(after, 0)] < SESSION))
        self.archive.add(part(TEXTS, keep), now=at(day))

    def grow(self, now, **how):
        self.read = []
        return grow(self.store, self.recipe, self.archive, self.prepare, now=now, **how)

    def whole(self, end):
        """The index of all that the archive holds, made at once."""
        return made(self.archive.read(), end)


def test_index_grown_every_evening_equals_the_whole_and_reads_only_what_is_new(place):
    place.fill(20)
    first = place.grow(at(20, "20:01"))
    pd.testing.assert_frame_equal(first.index.frame, made(place.archive.read(), GRID[20]))
    assert first.sessions == 21
    assert first.texts == len(place.archive)
    for day in range(21, 30):
        place.fill(day, after=day - 1)
        grown = place.grow(at(day, "20:01"))
        new = GRID[day] == SESSION
        assert set(place.read) <= set(TEXTS.frame["id"])
        assert len(place.read) == grown.texts <= int(new.sum())
        assert (grown.sessions, grown.late, grown.notes) == (1, 0, ())
    pd.testing.assert_frame_equal(grown.index.frame, place.whole(GRID[29]), check_exact=True)
    stored = place.store.read(place.recipe.key)
    pd.testing.assert_frame_equal(stored.index.frame, grown.index.frame, check_exact=True)
    assert stored.index.fingerprint == grown.index.fingerprint
    assert stored.texts == len(place.archive)


def test_second_call_of_an_evening_reads_nothing_and_changes_nothing(place):
    place.fill(10)
    place.grow(at(10, "20:01"))
    before = place.store.path(place.recipe.key).stat().st_mtime_ns
    again = place.grow(at(10, "21:00"))
    assert (again.sessions, again.texts, place.read) == (0, 0, [])
    assert place.store.path(place.recipe.key).stat().st_mtime_ns == before


def test_session_is_closed_only_when_over_and_when_the_archive_has_heard_since(place):
    place.fill(10)
    assert place.grow(at(15)).index.frame["session"].max() == GRID[10]  # nobody has fetched since
    texts = part(TEXTS, GRID[11] == SESSION)
    place.archive.add(texts, now=at(11, "15:00:00"))
    assert place.grow(at(11, "15:00:00")).sessions == 0  # at the cut-off a text may still come
    place.archive.add(texts, now=at(11, "15:00:01"))  # nothing new, but heard
    assert place.grow(at(11, "15:00:01")).sessions == 1


def test_end_cuts_the_answer_and_leaves_the_stored_index(place):
    place.fill(20)
    place.grow(at(20, "20:01"))
    early = place.grow(at(20, "20:01"), end=GRID[12]).index.frame
    pd.testing.assert_frame_equal(early, place.whole(GRID[12]), check_exact=True)
    assert place.store.read(place.recipe.key).last == GRID[20]


def test_texts_that_come_late_are_said_and_change_nothing_until_it_is_made_again(place):
    held = np.arange(len(TEXTS)) % 7 == 0  # the archive gets these a month late
    first = TEXTS.frame["version_of"].isna().to_numpy()
    place.archive.add(part(TEXTS, (GRID[20] >= SESSION) & ~held & first), now=at(20))
    published = place.grow(at(20, "20:01")).index.frame
    late = part(TEXTS, (GRID[20] >= SESSION) & held & first)
    place.archive.add(late, now=at(30))
    grown = place.grow(at(30, "20:01"))
    assert grown.late == len(late) > 0
    assert f"{len(late)} texts" in grown.notes[0].en
    kept = grown.index.frame[grown.index.frame["session"] <= GRID[20]].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, published, check_exact=True)
    assert place.grow(at(30, "20:02")).late == len(late)  # said again as long as it holds
    anew = place.grow(at(30, "20:03"), rebuild=True)
    assert anew.late == 0
    pd.testing.assert_frame_equal(anew.index.frame, place.whole(GRID[30]), check_exact=True)
    assert not anew.index.frame.equals(grown.index.frame)


def test_known_from_recorded_counts_every_text_from_when_it_was_met(place):
    place.recipe = PanicRecipe("a", "f", "XSHG", SMALL, SECTORS, known_from="recorded")
    place.fill(20)
    place.fill(22, after=20)
    grown = place.grow(at(22, "21:00"))
    assert grown.index.frame["session"].min() == GRID[21]  # met in the evening of the 20th
    place.fill(25, after=22)
    grown = place.grow(at(25, "21:00"))
    assert (grown.sessions, grown.late) == (3, 0)
    known = place.archive.read(known_from="recorded")
    known = part(known, session_of(pd.DatetimeIndex(known.available_at), "XSHG") <= GRID[25])
    pd.testing.assert_frame_equal(grown.index.frame, made(known, GRID[25]), check_exact=True)


def test_weights_by_counts_are_warned_of_over_all_the_texts_that_were_read(place):
    chosen = SMALL.model_copy(update={"weights": "reads"})
    place.recipe = PanicRecipe("a", "f", "XSHG", chosen)
    place.fill(20)
    place.grow(at(20, "20:01"))
    place.fill(22, after=20)
    grown = place.grow(at(22, "20:01"), context=pd.Timedelta(days=10))
    read = place.archive.read(None, at(22, "15:00"))
    assert grown.notes == weight_warnings(read, chosen) != ()
    assert place.grow(at(22, "20:02")).notes == grown.notes


def test_context_shows_earlier_texts_to_the_preparation_and_counts_none_twice(place):
    place.fill(20)
    place.grow(at(20, "20:01"))
    place.fill(22, after=20)
    grown = place.grow(at(22, "20:01"), context=pd.Timedelta(days=10))
    seen = place.archive.read(at(20, "15:00") - pd.Timedelta(days=10), at(22, "15:00"))
    assert place.read == seen.frame["id"].tolist()
    assert grown.texts < len(place.read)
    pd.testing.assert_frame_equal(grown.index.frame, place.whole(GRID[22]), check_exact=True)
    assert grown.late == 0


def test_archive_that_lost_texts_is_another_one(place, tmp_path):
    place.fill(20)
    place.grow(at(20, "20:01"))
    place.archive = TextArchive(tmp_path / "other.sqlite")
    place.fill(10)
    with pytest.raises(DataError, match="texts fewer than its panic index was made from"):
        place.grow(at(21, "20:01"))
    assert place.grow(at(21, "20:01"), rebuild=True).index.frame["session"].max() == GRID[10]


def test_batches_of_which_nothing_is_left_are_sessions_without_texts(place):
    place.fill(20)
    place.grow(at(20, "20:01"))
    place.fill(22, after=20)
    place.prepare = lambda texts: (none := part(texts, np.zeros(len(texts), dtype=bool)), scored(none))
    grown = place.grow(at(22, "20:01"))
    assert grown.texts > 0
    assert grown.index.one("market")["texts"].tolist()[-2:] == [0, 0]


def test_recipes_that_differ_have_keys_that_differ():
    plain = PanicRecipe("a", "f", "XSHG")
    others = [
        PanicRecipe("b", "f", "XSHG"),
        PanicRecipe("a", "g", "XSHG"),
        PanicRecipe("a", "f", "XNYS"),
        PanicRecipe("a", "f", "XSHG", SMALL),
        PanicRecipe("a", "f", "XSHG", sectors=SECTORS),
        PanicRecipe("a", "f", "XSHG", start="2020-01-01"),
        PanicRecipe("a", "f", "XSHG", known_from="recorded"),
        PanicRecipe("a", "f", "XSHG", preparation={"spam": True}),
    ]
    assert len({plain.key, *(other.key for other in others)}) == len(others) + 1
    assert plain.key == PanicRecipe("a", "f", "XSHG", PanicSettings()).key


def test_write_that_is_interrupted_leaves_the_old_index(place, monkeypatch):
    place.fill(10)
    place.grow(at(10, "20:01"))
    before = place.store.read(place.recipe.key).index.fingerprint

    def broken(*_args, **_more):
        raise KeyboardInterrupt

    place.fill(12, after=10)
    monkeypatch.setattr("qushi.sentiment.index.store.pq.write_table", broken)
    with pytest.raises(KeyboardInterrupt):
        place.grow(at(12, "20:01"))
    monkeypatch.undo()
    assert place.store.read(place.recipe.key).index.fingerprint == before
    assert [p.name for p in place.store.path(place.recipe.key).parent.iterdir()] == ["index.parquet"]


def test_stored_file_that_is_none_of_ours_says_what_to_do(place):
    path = place.store.path(place.recipe.key)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no parquet")
    place.fill(10)
    with pytest.raises(DataError, match="delete it, and it is made again"):
        place.grow(at(10, "20:01"))
    pd.DataFrame({"a": [1]}).to_parquet(path)
    with pytest.raises(DataError, match="delete it, and it is made again"):
        place.grow(at(10, "20:01"))


def test_archive_without_texts_or_closed_session_says_so(place):
    with pytest.raises(DataError, match="no text is available by 2023-01-17"):
        place.grow(at(10))
    with pytest.raises(DataError, match="no session of XSHG has closed by"):
        place.grow(pd.Timestamp("1980-01-01", tz="UTC"))
