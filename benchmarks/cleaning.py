"""Texts a second and peak memory of cleaning, by the size of the archive.

    python benchmarks/cleaning.py [texts ...]

Invented posts of about 50 characters, 1,000 an hour, a tenth of them copies of a recent one with a few
characters changed, cleaned in batches of 10,000 with a table of 5,000 names.  Each size runs in a
process of its own; times are of the CPU.  Memory holds the last 72 hours (72,000 texts here), the shapes
of one session (of a long weekend as many again) and one batch, whatever the size of the archive.
"""

import random
import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd

from qushi.core import Texts
from qushi.sentiment.cleaning.cleaner import Cleaner, TextCleaning
from qushi.sentiment.cleaning.naming import NameTable

BATCH = 10_000
SIZES = (10_000, 100_000, 1_000_000)


def names(draw: random.Random) -> NameTable:
    words = {"".join(chr(0x4E00 + draw.randrange(3000)) for _ in range(4)) for _ in range(5_000)}
    rows = enumerate(sorted(words))
    return NameTable.from_rows([(f"{k:06d}.SZ", word, "name", "2010-01-04", "") for k, word in rows])


def batch(number: int, table: NameTable, draw: random.Random) -> Texts:
    letters = np.array([chr(0x4E00 + k) for k in range(3000)])
    chosen = np.random.default_rng(number).integers(0, 3000, (BATCH, 45))
    bodies = ["".join(row) for row in letters[chosen]]
    known = table.frame["name"].to_numpy()
    for k in range(BATCH):
        if k > 100 and draw.random() < 0.1:
            bodies[k] = bodies[k - draw.randrange(1, 100)][:-2] + "了吧"
        elif draw.random() < 0.1:
            bodies[k] += known[draw.randrange(len(known))]
    first = number * BATCH
    seconds = pd.to_timedelta(np.arange(first, first + BATCH) * 3.6, unit="s")
    frame = pd.DataFrame({"id": [f"{k:09d}" for k in range(first, first + BATCH)], "body": bodies})
    frame["published_at"] = pd.Timestamp("2016-01-04", tz="UTC") + seconds
    frame["symbol"] = [f"{k % 50:06d}.SZ" for k in range(BATCH)]
    return Texts.from_frame(frame.assign(audience="public"))


def measure(size: int) -> None:
    draw = random.Random(0)
    table = names(draw)
    cleaner, used = Cleaner(TextCleaning(across="audience"), table), 0.0
    for number in range(size // BATCH):
        given = batch(number, table, draw)
        begun = time.process_time()
        cleaner.clean(given)
        used += time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report = cleaner.report
    print(f"{size:>9,} {size / used:>9,.0f} {peak:>9,.0f} {report.by_reason()['copy'] / size:>9.1%}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        measure(int(sys.argv[2]))
    else:
        print(f"{'texts':>9} {'texts/s':>9} {'peak MiB':>9} {'copies':>9}", flush=True)
        for size in map(int, sys.argv[1:] or SIZES):
            subprocess.run([sys.executable, __file__, "--one", str(size)], check=True)
