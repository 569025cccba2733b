"""Texts with everything that the index knows: versions, mentions, copies, counts, two audiences."""

import numpy as np
import pandas as pd

from qushi.core import Texts
from qushi.core.calendar import sessions

GRID = sessions("XSHG", "2023-01-01", "2023-12-31")
SYMBOLS = ("600519.SH", "000858.SZ", "601318.SH", "000001.SZ")


def scored(texts, seed=0):
    """Made-up probabilities that depend on the words alone."""
    shares = {
        words: np.random.default_rng([seed, *words.encode()]).dirichlet([0.7, 0.7, 0.7])
        for words in set(texts.contents)
    }
    rows = np.array([shares[w] for w in texts.contents]).reshape(-1, 3)
    table = pd.DataFrame(rows, columns=["p_neg", "p_neu", "p_pos"])
    table.insert(0, "id", texts.frame["id"])
    return table


def eventful(seed=1, days=90, rate=3.0):
    """Random texts of `days` sessions; some are edited later, some are copies without an id."""
    generator = np.random.default_rng(seed)
    rows = []
    for day, session in enumerate(GRID[:days]):
        for _ in range(generator.poisson(rate)):
            at = session + pd.Timedelta(seconds=int(generator.integers(0, 86400)))
            number = len(rows)
            copied = generator.random() < 0.2
            named = SYMBOLS[: 1 + day * len(SYMBOLS) // days]  # later symbols turn up later
            also = generator.choice(named, size=int(generator.integers(0, 3)))
            row = {
                "id": f"text:x{number}" if copied else f"t{number}",
                "published_at": at,
                "edited_at": pd.NaT,
                "audience": str(generator.choice(["public", "institution"], p=[0.7, 0.3])),
                "symbol": generator.choice([*named, None]),
                "mentions": " ".join(also),
                "body": "跌停了，快跑" if copied else f"正文{number}",
                "weight": float(generator.uniform(0.5, 3.0)),
                "reads": float(generator.choice([np.nan, 0, 10, 5000])),
                "version_of": None,
            }
            rows.append(row)
            for version in range(2, 2 + int(generator.random() < 0.25) * int(generator.integers(1, 4))):
                at = at + pd.Timedelta(hours=float(generator.exponential(20.0)))
                words = row["body"] if generator.random() < 0.3 else f"改{number}之{version}"
                rows.append(
                    row
                    | {
                        "id": f"{row['id']}@{version}",
                        "version_of": row["id"],
                        "edited_at": at,
                        "body": words,
                    }
                )
    frame = pd.DataFrame(rows)
    for name in ("published_at", "edited_at"):
        at = pd.to_datetime(frame[name]).dt.tz_localize("Asia/Shanghai")
        frame[name] = at.dt.tz_convert("UTC")
    return Texts.from_frame(frame)


def part(texts, keep):
    """Some rows of texts, by a mask."""
    return Texts(texts.frame[np.asarray(keep)].reset_index(drop=True), texts.synthetic)
