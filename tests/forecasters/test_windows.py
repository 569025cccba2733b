import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qushi.core import DataError
from qushi.forecasters.windows import Panel, Windows, complete_ends


def panel(sizes=(30, 20), features=3):
    rows = sum(sizes)
    starts = np.repeat(np.cumsum([0, *sizes[:-1]]), sizes)
    return Panel(
        np.random.default_rng(0).normal(size=(rows, features)).astype(np.float32),
        tuple(f"f{i}" for i in range(features)),
        np.arange(1.0, rows + 1),
        np.repeat(np.array([f"S{i}" for i in range(len(sizes))], dtype=object), sizes),
        np.concatenate([np.arange(n).astype("datetime64[D]").astype("datetime64[ns]") for n in sizes]),
        starts.astype(np.int64),
    )


def test_gather_equals_slices_of_the_rows():
    windows = Windows(panel(), np.array([4, 9, 29, 36], dtype=np.int64), 5)
    batch = windows.gather(np.array([2, 0, 3]))
    for found, end in zip(batch, (29, 4, 36), strict=True):
        np.testing.assert_array_equal(found, windows.panel.values[end - 4 : end + 1])


def test_gather_into_a_buffer_uses_its_memory():
    windows = Windows(panel(), np.arange(4, 30, dtype=np.int64), 5)
    buffer = windows.buffer(8)
    for which in windows.batches(8):
        assert np.shares_memory(windows.gather(which, buffer), buffer)


def test_windows_hold_views_and_not_copies():
    rows, lookback, features = 40_000, 60, 20
    source = panel((rows,), features)
    size = source.values.nbytes
    ends = np.arange(lookback - 1, rows, dtype=np.int64)
    tracemalloc.start()
    windows = Windows(source, ends, lookback, np.zeros(len(ends), dtype=np.float32))
    buffer = windows.buffer(64)
    for which in windows.batches(64):
        windows.gather(which, buffer)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    copied = len(ends) * lookback * features * 4
    assert peak < size
    assert copied > 50 * size


def test_last_is_the_row_of_the_decision():
    windows = Windows(panel(), np.array([7, 40], dtype=np.int64), 3)
    np.testing.assert_array_equal(windows.last(), windows.panel.values[[7, 40]])
    np.testing.assert_array_equal(windows.close, [8.0, 41.0])
    assert windows.symbols.tolist() == ["S0", "S1"]


def test_closes_before_the_first_trade_are_nan():
    windows = Windows(panel(), np.array([31, 2], dtype=np.int64), 1)
    np.testing.assert_array_equal(
        windows.closes(4), [[np.nan, np.nan, 31.0, 32.0], [np.nan, 1.0, 2.0, 3.0]]
    )


def test_subset_keeps_targets_beside_their_windows():
    targets = np.arange(3, dtype=np.float32)
    windows = Windows(panel(), np.array([5, 6, 7], dtype=np.int64), 2, targets)
    part = windows.subset(np.array([True, False, True]))
    assert part.ends.tolist() == [5, 7]
    assert part.targets.tolist() == [0.0, 2.0]
    assert part.panel is windows.panel


@pytest.mark.parametrize(
    ("ends", "lookback", "message"),
    [
        ([31], 5, "another symbol"),
        ([50], 5, "outside"),
        ([2], 5, "another symbol"),
        ([9], 0, "at least"),
    ],
)
def test_windows_outside_their_rows_raise(ends, lookback, message):
    with pytest.raises(DataError, match=message):
        Windows(panel(), np.array(ends, dtype=np.int64), lookback)


def test_rows_cannot_be_written_to():
    windows = Windows(panel(), np.array([5], dtype=np.int64), 2)
    with pytest.raises(ValueError, match="read-only"):
        windows.panel.values[0, 0] = 1.0


def test_spans_are_the_symbols():
    assert list(panel((3, 1, 4)).spans()) == [(0, 3), (3, 4), (4, 8)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.booleans(), min_size=1, max_size=12), min_size=1, max_size=4),
    st.integers(1, 5),
)
def test_complete_ends_are_those_found_window_by_window(symbols, lookback):
    finite = np.array([x for s in symbols for x in s])
    sizes = [len(s) for s in symbols]
    first = np.repeat(np.cumsum([0, *sizes[:-1]]), sizes).astype(np.int64)
    expected = [
        end - lookback + 1 >= first[end] and finite[end - lookback + 1 : end + 1].all()
        for end in range(len(finite))
    ]
    assert complete_ends(finite, first, lookback).tolist() == expected
