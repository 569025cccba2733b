"""An index that grows session by session is bit-equal to one made at once, and leaves the past alone."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panic_texts import GRID, eventful, part, scored
from qushi.core import DataError, PanicIndex
from qushi.core.calendar import session_of
from qushi.sentiment.index.panic import PanicBuilder, PanicSettings, extend, panic_index
from qushi.sentiment.index.sectors import Sectors

SMALL = PanicSettings(window=8, min_history=3, n_min=3, weights="both")
SECTORS = Sectors.of({"酒": ["600519.SH", "000858.SZ"], "金融": ["601318.SH", "000001.SZ"]})
TEXTS = eventful()
SCORES = scored(TEXTS)
SESSION = session_of(pd.DatetimeIndex(TEXTS.available_at), "XSHG")


def same(found, expected):
    pd.testing.assert_frame_equal(found.frame, expected.frame, check_exact=True)
    assert found.fingerprint == expected.fingerprint


def make(texts=TEXTS, end=None, chosen=SMALL):
    return panic_index(texts, scored(texts), "XSHG", chosen, end=end, sectors=SECTORS)


@pytest.mark.parametrize("day", [0, 1, 2, 7, 20, 33, 60, 85, 89])
@pytest.mark.parametrize("window", [8, 40, 250])
def test_extend_from_any_session_equals_the_whole_and_keeps_what_was_there(day, window):
    chosen = SMALL.model_copy(update={"window": window})
    whole = make(end=GRID[95], chosen=chosen)
    known = part(TEXTS, GRID[day] >= SESSION)
    before = make(known, end=GRID[day], chosen=chosen)
    later = extend(before, TEXTS, SCORES, "XSHG", chosen, end=GRID[95], sectors=SECTORS)
    same(later, whole)
    kept = later.frame[later.frame["session"] <= GRID[day]].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, before.frame, check_exact=True)


def test_extend_session_by_session_equals_the_whole():
    grown = make(part(TEXTS, GRID[30] >= SESSION), end=GRID[30])
    for day in range(31, 60):
        grown = extend(grown, TEXTS, SCORES, "XSHG", SMALL, end=GRID[day], sectors=SECTORS)
    same(grown, make(end=GRID[59]))


def test_extend_with_symbols_that_are_new_begins_their_scopes_there():
    whole = make()
    begun = {scope: whole.one(scope).index[0] for scope in whole.scopes}
    assert len({*begun.values()}) > 3
    cut = make(part(TEXTS, GRID[20] >= SESSION), end=GRID[20])
    assert set(cut.scopes) < set(whole.scopes)
    grown = extend(cut, TEXTS, SCORES, "XSHG", SMALL, sectors=SECTORS)
    assert {scope: grown.one(scope).index[0] for scope in grown.scopes} == begun


def test_extend_without_any_later_text_decays_and_without_end_changes_nothing():
    known = part(TEXTS, GRID[20] >= SESSION)
    cut = make(known, end=GRID[20])
    same(extend(cut, known, scored(known), "XSHG", SMALL, sectors=SECTORS), cut)
    quiet = extend(cut, known, scored(known), "XSHG", SMALL, end=GRID[25], sectors=SECTORS)
    same(quiet, make(known, end=GRID[25]))


def test_extend_ignores_what_comes_in_late_for_a_closed_session():
    cut = make(part(TEXTS, GRID[20] >= SESSION), end=GRID[20])
    late = TEXTS.frame.assign(weight=np.where(GRID[20] >= SESSION, 100.0, TEXTS.frame["weight"]))
    late = type(TEXTS).from_frame(late)
    same(extend(cut, late, scored(late), "XSHG", SMALL, sectors=SECTORS), make())


def test_extend_of_an_index_that_was_cut_says_so():
    cut = panic_index(TEXTS, SCORES, "XSHG", SMALL, start=GRID[20], end=GRID[24])
    with pytest.raises(DataError, match="was cut at 2023-02-"):
        extend(cut, TEXTS, SCORES, "XSHG", SMALL)
    # With more sessions than the window left, nothing is missing: each of these has its 8 values.
    market = panic_index(part(TEXTS, TEXTS.frame["mentions"] == ""), SCORES, "XSHG", SMALL)
    rows = market.frame[(market.frame["scope"] == "market") & (market.frame["session"] >= GRID[20])]
    resumed = extend(
        PanicIndex(rows[rows["session"] <= GRID[60]].reset_index(drop=True)),
        part(TEXTS, TEXTS.frame["mentions"] == ""), SCORES, "XSHG", SMALL,
    )  # fmt: skip
    found = resumed.frame[resumed.frame["scope"] == "market"].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, rows.reset_index(drop=True), check_exact=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="neu"), "lacks 'neu'"),
        (lambda f: f.iloc[:0], "is empty"),
        (lambda f: f.iloc[:-1], "is not whole"),
    ],
)
def test_extend_of_an_index_that_cannot_go_on_raises_one_sentence(change, message):
    broken = PanicIndex(change(make(end=GRID[10]).frame))
    with pytest.raises(DataError, match=message):
        extend(broken, TEXTS, SCORES, "XSHG", SMALL)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=2, max_size=12))
def test_builder_fed_in_batches_of_any_size_equals_the_whole(sizes):
    # Words that are repeated are only seen within a batch: an archive keeps no such versions.
    words = TEXTS.frame["body"].str.startswith("改") | TEXTS.frame["version_of"].isna()
    texts = part(TEXTS, words & (GRID[40] >= SESSION))
    builder = PanicBuilder("XSHG", SMALL, SECTORS)
    first, turn = 0, 0
    while first < len(texts):
        size = sizes[turn % len(sizes)]
        rows = np.zeros(len(texts), dtype=bool)
        rows[first : first + size] = True
        batch = part(texts, rows)
        builder.feed(batch, scored(batch))
        first, turn = first + size, turn + 1
    same(builder.finish(), make(texts))


def test_builder_with_batches_out_of_order_says_so():
    builder = PanicBuilder("XSHG", SMALL)
    late = part(TEXTS, GRID[30] < SESSION)
    early = part(TEXTS, GRID[30] >= SESSION)
    builder.feed(late, scored(late))
    with pytest.raises(DataError, match="which is closed: give texts in order"):
        builder.feed(early, scored(early))


def test_builder_that_goes_on_counts_the_texts_that_come_too_late():
    cut = make(part(TEXTS, GRID[20] >= SESSION), end=GRID[20])
    builder = PanicBuilder("XSHG", SMALL, SECTORS, previous=cut, end=GRID[40])
    assert builder.closed == GRID[20]
    builder.feed(TEXTS, SCORES)
    assert builder.late == int((GRID[20] >= SESSION).sum()) - _repeats(GRID[20] >= SESSION)
    assert builder.finish().frame["session"].max() == GRID[40]


def _repeats(keep):
    frame = TEXTS.frame.assign(content=TEXTS.contents, at=TEXTS.available_at, text=TEXTS.text_ids)
    frame["number"] = frame["id"].str.extract(r"@(\d+)$")[0].fillna("1").astype(int)
    frame = frame.sort_values(["text", "at", "number"])
    again = (frame["content"] == frame["content"].shift()) & (frame["text"] == frame["text"].shift())
    return int((again.sort_index() & keep).sum())


def test_blocks_of_sessions_and_of_series_change_no_bit(monkeypatch):
    whole = make()
    monkeypatch.setattr("qushi.sentiment.index.builder._BLOCK", 100)
    monkeypatch.setattr("qushi.sentiment.index._ranking._CELLS", 7)
    monkeypatch.setattr("qushi.sentiment.index._ranking._WINDOW_CELLS", 50)
    same(make(), whole)
