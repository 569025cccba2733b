"""How good are the ways to read Chinese stock texts, on three hand-labelled sets?

One markdown table: the small transformer trained here (two seeds), character TF-IDF with logistic
regression, the dictionaries and the most frequent label, all trained and judged on the same rows.

    QUSHI_SHARED_DATA=... python benchmarks/classifiers.py [--quick]

FinFE      forum posts, undated: its training list learns, its evaluation list judges; each text once,
           texts with several labels out, evaluation texts out of training
forum      posts of five shares, 2012-2016, dated: the latest fifth judges, what lies before learns
Weibo      posts on A shares, two classes, undated: a fifth, drawn once, judges

Each learning part gives a tenth to choose the epoch, the penalty and the temperature.  `--quick` takes
a tenth of the texts and one epoch: a test that it runs, not a result.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from qushi.sentiment import TrainingReport, TrainingSettings, clean_labels, read_labels, train_classifier
from qushi.sentiment.training.splitting import stratified_split

SEEDS = (0, 1)
SHAPE = TrainingSettings(hidden=256, heads=8, layers=1, dropout=0.3, epochs=3, max_length=64)
FEW = {"epochs": 10, "patience": 3}  # of a few thousand texts three passes are not enough
COLUMNS = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "brier", "ece")


def finfe(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame | None, dict[str, object]]:
    place = folder / "fincuge_finfe"
    return read_labels(place / "train_list.json"), read_labels(place / "eval_list.json"), {}


def forum(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame | None, dict[str, object]]:
    path = folder / "dated_texts" / "emm_guba_labels_noauthor.csv"
    table = read_labels(path, label="sentiment", text="title", time="time")
    return table, None, {"split": "time", "test": 0.2, **FEW}


def weibo(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame | None, dict[str, object]]:
    parts = []
    for label in ("neg", "pos"):
        lines = (folder / "weibo_stock_reviews_mit" / f"{label}_reviews").read_text(encoding="utf-8")
        parts.append(pd.DataFrame({"label": label, "text": lines.splitlines()}))
    kept, _ = clean_labels(pd.concat(parts, ignore_index=True))
    train, judged, _ = stratified_split(kept["label"], 0.2, seed=0)
    return kept.iloc[sorted(train)], kept.iloc[judged], FEW


def one_tenth(table: pd.DataFrame | None) -> pd.DataFrame | None:
    return None if table is None else table.iloc[::10].reset_index(drop=True)


def measure(name: str, folder: Path, quick: bool) -> list[dict[str, object]]:
    table, test, split = {"FinFE": finfe, "forum": forum, "Weibo": weibo}[name](folder)
    if quick:
        table, test, split = one_tenth(table), one_tenth(test), {**split, "epochs": 1}
    rows = []
    for seed in SEEDS:
        settings = SHAPE.model_copy(update={"seed": seed, **split})
        with tempfile.TemporaryDirectory() as place:
            report = train_classifier(table, settings, Path(place) / "m", test=test)
        rows += rows_of(name, report, seed)
        print(
            f"{name}, seed {seed}: {report.seconds:.0f} s, epoch {report.best_epoch} kept",
            file=sys.stderr,
        )
    return rows


def rows_of(name: str, report: TrainingReport, seed: int) -> list[dict[str, object]]:
    """All rows of the first seed; of the others the transformer's, for the rest does not change."""
    found = []
    for row in report.comparison.to_dict("records"):
        own = row["scorer"] == "classifier"
        if not own and seed != SEEDS[0]:
            continue
        scorer = f"transformer, seed {seed}" if own else row["scorer"]
        head = {"set": name, "train": report.train_rows, "test": row["texts"], "scorer": scorer}
        found.append({**head, **{column: row[column] for column in COLUMNS}})
    return found


def markdown(rows: list[dict[str, object]]) -> str:
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "|".join("---" for _ in names) + "|"]
    for row in rows:
        cells = [f"{v:.3f}" if isinstance(v, float) else str(v) for v in row.values()]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--sets", default="FinFE,forum,Weibo")
    given = arguments.parse_args()
    place = os.environ.get("QUSHI_SHARED_DATA", "")
    if not (Path(place) / "fincuge_finfe").is_dir():
        print("QUSHI_SHARED_DATA does not name the folder of labelled sets: nothing measured")
        return
    started = time.monotonic()
    rows = []
    for name in given.sets.split(","):
        rows += measure(name, Path(place), given.quick)
    print(markdown(rows))
    print(f"\n{time.monotonic() - started:.0f} seconds in all")


if __name__ == "__main__":
    main()
