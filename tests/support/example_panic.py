"""A panic page's inputs made by hand: two hundred sessions of posts, a silence, hostile texts."""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from example_report import walk_bars
from qushi.core import PanicIndex, Texts
from qushi.core.calendar import sessions
from qushi.core.notes import Said
from qushi.reports.panic_page import PanicPageInput
from qushi.sentiment.cleaning.cleaner import CleaningReport
from qushi.sentiment.index.panic import panic_index
from qushi.sentiment.index.settings import PanicSettings

SYMBOLS = ("600519.SH", "300333.SZ")
SETTINGS = PanicSettings(window=60, min_history=20, n_min=3)
DAYS = sessions("XSHG", "2015-06-01")[:200]
SILENCE = slice(120, 150)
"""Sessions without a single text: long enough for the quality "none"."""

HOSTILE = (
    '<script>window.hacked = "yes"</script><img src=x onerror="window.hacked=1">',
    """ quotes " ' ` and & and </script><!-- and ]]> """,
    "a NUL \x00 and a bell \x07 and a lone half \ud83d",
    "turned \u202e around \u2066 and back",
    "long " * 4000,
    "emoji 😱📉👨‍👩‍👧 and flags 🇨🇳",
    "rare 𠮷 龘 㐂 ﷽ z̷̛̺͎a̶̡͝l̸̟͗g̶̪̒o",
    "new\nline\r\n\ttab   and\u2028separator",
)
LAST = DAYS[-1]
"""The session of the hostile texts, which are its most frightened."""


@lru_cache(maxsize=1)
def made_texts() -> tuple[Texts, pd.DataFrame]:
    """Texts and their scores, the hostile ones in the last session."""
    rng = np.random.default_rng(11)
    rows, scores = [], []
    mood = np.sin(np.arange(len(DAYS)) / 9.0)
    silent = set(range(len(DAYS))[SILENCE])
    for at, day in enumerate(DAYS):
        for k in range(0 if at in silent else 8):
            audience = "institution" if k % 4 == 3 else "public"
            clock = pd.Timedelta(hours=9, minutes=40 + 7 * k, seconds=k % 2)
            rows.append(
                {
                    "id": f"{at}-{k}",
                    "published_at": (day + clock).tz_localize("Asia/Shanghai"),
                    "audience": audience,
                    "source": "news" if audience == "institution" else "forum",
                    "symbol": (None, *SYMBOLS)[k % 3],
                    "mentions": SYMBOLS[1] if k == 4 else "",
                    "title": f"第 {at} 日",
                    "body": f"文本 {k} of session {at}",
                }
            )
            neg = float(np.clip(0.45 + 0.3 * mood[at] + rng.normal(0, 0.1), 0.02, 0.9))
            scores.append((neg, 0.95 - neg, 0.05))
    for k, words in enumerate(HOSTILE):
        rows.append(
            {
                "id": f"hostile-{k}",
                "published_at": (LAST + pd.Timedelta(hours=14)).tz_localize("Asia/Shanghai"),
                "audience": "public",
                "source": 'so<b>urce" onclick="x',
                "symbol": None,
                "mentions": "",
                "title": "",
                "body": words,
            }
        )
        scores.append((0.99 - k / 1000, 0.005, 0.005 + k / 1000))
    table = pd.DataFrame(rows)
    values = pd.DataFrame(scores, columns=["p_neg", "p_neu", "p_pos"])
    values.insert(0, "id", table["id"])
    return Texts.from_frame(table), values


@lru_cache(maxsize=1)
def made_index() -> PanicIndex:
    """The real index of those texts."""
    texts, scores = made_texts()
    return panic_index(texts, scores, "XSHG", SETTINGS, DAYS[0], DAYS[-1])


def made_cleaning() -> CleaningReport:
    """A report of two sessions: copies left out, templates counted, a reason that nobody knows."""
    rows = [
        (DAYS[0], "forum", "", False, 1400),
        (DAYS[0], "forum", "copy", True, 40),
        (DAYS[1], "forum", "copy", True, 21),
        (DAYS[1], "forum", "template", False, 7),
        (DAYS[1], "forum", "an <odd> reason", True, 3),
    ]
    counts = pd.DataFrame(rows, columns=["session", "source", "reason", "dropped", "texts"])
    return CleaningReport(counts, pd.DataFrame(), (Said("names <of> today", "今日<名称>"),))


def panic_inputs(**changes: Any) -> PanicPageInput:
    """Inputs of a whole page; any field may be replaced by keyword."""
    texts, scores = made_texts()
    bars = walk_bars(SYMBOLS, n=260, start="2015-04-01")
    closes = bars.adjusted("close")
    level = (closes / closes.iloc[0]).mean(axis=1).rename("equal weight")
    fear = pd.Series(20 + 5 * np.cos(np.arange(len(DAYS)) / 7), index=DAYS)
    fear.iloc[30:60] = np.nan
    inputs = PanicPageInput(
        name="恐慌 <b>page</b>",
        panic=made_index(),
        texts=texts,
        scores=scores,
        settings=SETTINGS,
        bars=bars,
        benchmark=level,
        implied={"QVIX <i>": fear},
        classifier={"name": "TF-IDF", "accuracy": "0.62", "majority": "0.41", "odd fact": "kept"},
        cleaning=made_cleaning(),
        facts={"qushi": "0.1.0", "texts": "1,500"},
        warnings=(Said("Undated <training>.", "训练文本<没有>日期。"),),
        description='What "is" <asked>.',
    )
    return replace(inputs, **changes)
