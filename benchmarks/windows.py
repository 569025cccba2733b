"""Windows as views against windows as copies: time and memory of one epoch's batches.

Both orders of the same batches are timed in one process, turn about, and printed as a ratio.
"""

import time
import tracemalloc

import numpy as np

from qushi.forecasters.windows import Panel, Windows

SYMBOLS, ROWS, FEATURES, LOOKBACK, BATCH = 20, 2_000, 20, 60, 256


def make_windows() -> Windows:
    rows = SYMBOLS * ROWS
    generator = np.random.default_rng(0)
    first = np.repeat(np.arange(SYMBOLS, dtype=np.int64) * ROWS, ROWS)
    ends = np.arange(rows, dtype=np.int64)
    panel = Panel(
        values=generator.standard_normal((rows, FEATURES)).astype(np.float32),
        names=tuple(f"f{n}" for n in range(FEATURES)),
        close=np.ones(rows),
        symbols=np.repeat(np.arange(SYMBOLS).astype(str).astype(object), ROWS),
        sessions=np.tile(np.arange(ROWS).astype("datetime64[D]").astype("datetime64[ns]"), SYMBOLS),
        first=first,
    )
    return Windows(panel, ends[ends - first >= LOOKBACK - 1], LOOKBACK)


def by_view(windows: Windows, order: np.ndarray) -> float:
    buffer = windows.buffer(BATCH)
    total = 0.0
    for start in range(0, len(order), BATCH):
        total += float(windows.gather(order[start : start + BATCH], buffer)[0, 0, 0])
    return total


def by_copy(windows: Windows, order: np.ndarray) -> float:
    rows = windows.ends[:, None] + np.arange(1 - LOOKBACK, 1)
    copies = windows.panel.values[rows]
    total = 0.0
    for start in range(0, len(order), BATCH):
        total += float(copies[order[start : start + BATCH]][0, 0, 0])
    return total


def measure(run, windows: Windows, order: np.ndarray) -> tuple[float, float]:
    began = time.perf_counter()
    run(windows, order)
    seconds = time.perf_counter() - began
    tracemalloc.start()
    run(windows, order)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return seconds, peak / 2**20


def main() -> None:
    windows = make_windows()
    order = np.random.default_rng(1).permutation(len(windows))
    assert by_view(windows, order) == by_copy(windows, order)
    ratios, memory = [], (0.0, 0.0)
    for _ in range(5):
        view, copy = measure(by_view, windows, order), measure(by_copy, windows, order)
        ratios.append(copy[0] / view[0])
        memory = (view[1], copy[1])
    spread = f"{min(ratios):.1f} to {max(ratios):.1f}"
    print(f"{len(windows):,} windows of {LOOKBACK} x {FEATURES}")
    print(f"time, copies over views: median {np.median(ratios):.1f} ({spread})")
    print(f"memory: views {memory[0]:.1f} MiB, copies {memory[1]:.1f} MiB")


if __name__ == "__main__":
    main()
