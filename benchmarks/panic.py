"""The panic index of many texts: all at once, one more session, in batches; CPU seconds.

    python benchmarks/panic.py [TEXTS] [--against COMMIT]

With `--against` the index is also made by the code of an older commit (`git show`), in the same process,
and what both publish is compared bit by bit.  Peak memory is that of a process of its own.
"""

import resource
import subprocess
import sys
import time
import types

import numpy as np
import pandas as pd

from qushi.core import Texts
from qushi.core.calendar import sessions
from qushi.sentiment.index.panic import PanicBuilder, extend, panic_index

SYMBOLS, SESSIONS, BATCH = 500, 1_000, 20_000
GRID = sessions("XSHG", "2018-01-01")[:SESSIONS]
PUBLISHED = ["scope", "audience", "session", "texts", "effective", "session_bearishness", "bearishness"]
PUBLISHED += ["panic", "z", "attention", "agreement", "quality"]


def made_up(number: int, low: int = 0, high: int = SESSIONS) -> tuple[Texts, pd.DataFrame]:
    """Texts of 500 symbols over the sessions from `low` to `high`, in order, and their scores."""
    random = np.random.default_rng(low)
    names = np.array([*(f"{600000 + n}.SH" for n in range(SYMBOLS)), None], dtype=object)
    times = np.sort(random.uniform(low, high, number))
    day = times.astype(int)
    at = GRID[day] + pd.to_timedelta(((times - day) * 15 * 3600).astype(int), unit="s")
    frame = pd.DataFrame(
        {
            "id": [f"t{low:04}-{n:08}" for n in range(number)],
            "published_at": at.tz_localize("Asia/Shanghai").tz_convert("UTC"),
            "audience": np.where(random.random(number) < 0.7, "public", "institution"),
            "symbol": names[random.integers(0, SYMBOLS + 1, number)],
            "body": "正文",
        }
    )
    texts = Texts.from_frame(frame)
    scores = pd.DataFrame(random.dirichlet([0.6] * 3, number), columns=["p_neg", "p_neu", "p_pos"])
    scores.insert(0, "id", texts.frame["id"])
    return texts, scores


def cpu(work):
    began = time.process_time()
    found = work()
    return time.process_time() - began, found


def older(commit: str):
    """The module as it was; it asks for nothing that has moved since."""
    command = ["git", "show", f"{commit}:sentiment/panic.py"]
    source = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    source = source.replace("from ..", "from qushi.").replace("from .", "from qushi.sentiment.")
    source = source.replace("[list(COLUMNS)]", f"[{PUBLISHED!r}]")
    module = types.ModuleType("older_panic")
    sys.modules[module.__name__] = module
    exec(compile(source, commit, "exec"), module.__dict__)
    return module


def stream(number: int) -> None:
    builder = PanicBuilder("XSHG", end=GRID[-1])
    batches = max(1, number // BATCH)
    for turn in range(batches):
        low, high = (SESSIONS * t // batches for t in (turn, turn + 1))
        builder.feed(*made_up(number // batches, low, high))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = len(builder.finish().frame)
    print(f"{number:>10,} texts in batches of {BATCH:,}: peak {peak:,.0f} MB, {rows:,} rows")


def main() -> None:
    if sys.argv[1:2] == ["--stream"]:
        stream(int(sys.argv[2]))
        return
    given = [a for a in sys.argv[1:] if a.isdecimal()]
    number = int(given[0]) if given else 1_000_000
    # First of all: a process that was begun by a large one counts its parent's memory as its own.
    for size in (number // 10, number):
        subprocess.run([sys.executable, __file__, "--stream", str(size)], check=True)
    texts, scores = made_up(number)
    whole, index = cpu(lambda: panic_index(texts, scores, "XSHG", end=GRID[-1]))
    print(f"{number:,} texts, {SYMBOLS} symbols, {SESSIONS} sessions: {len(index.frame):,} rows")
    print(f"all at once                {whole:8.2f} s")
    known = panic_index(texts, scores, "XSHG", end=GRID[-2])
    late = texts.available_at > (GRID[-2] + pd.Timedelta("15h")).tz_localize("Asia/Shanghai")
    last = Texts(texts.frame[late].reset_index(drop=True))
    some = scores[scores["id"].isin(last.frame["id"])].reset_index(drop=True)
    more, grown = cpu(lambda: extend(known, last, some, "XSHG", end=GRID[-1]))
    same = grown.fingerprint == index.fingerprint
    print(f"one more session           {more:8.2f} s   {whole / more:.1f} times less, equal: {same}")
    if "--against" in sys.argv:
        module = older(sys.argv[sys.argv.index("--against") + 1])
        before, frame = cpu(
            lambda: module.panic_index(texts, scores, "XSHG", module.PanicSettings(), end=GRID[-1])
        )
        before_frame = frame.frame.merge(index.frame[PUBLISHED[:3]])  # its empty first rows are gone
        pd.testing.assert_frame_equal(before_frame, index.frame[PUBLISHED], check_exact=True)
        print(
            f"the older code             {before:8.2f} s   {before / whole:.1f} times more, equal: True"
        )


if __name__ == "__main__":
    main()
