"""Reading texts: a plain loop against ours, by precision, and the memory of reading an archive.

Speed: models of random weights, 4 layers 312 wide and 12 layers 768 wide, on texts of 60 characters and
on texts of mixed lengths.  Two loops that tutorials show (one text at a time; batches of 32 in the order
of the texts, padded to 128 tokens) and every precision of ours run turn about in one process, and ratios
are taken within a round: least, median, most.  One CPU thread.

Memory: the peak of a child process that scores an archive of 10,000 and of 1,000,000 texts with the word
lists, and one of 10,000 and of 100,000 with a tiny transformer.  Needs Linux (/proc).

    OMP_NUM_THREADS=1 python benchmarks/sentiment.py [speed|memory]
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd

from qushi.core import Texts
from qushi.sentiment import Classifier, TextArchive, TrainingSettings, load_scorer
from qushi.sentiment.scorers._runtime import quiet_transformers
from qushi.sentiment.scorers.scoring import Precision
from qushi.sentiment.training.scratch import build_base

LETTERS = np.array([chr(0x4E00 + n) for n in range(3_000)])
WORDS = np.array(
    ["上涨", "下跌", "亏损", "利好", "恐慌", "没有", "公司", "今天", "业绩", "增长", "，", "市场"]
)
KINDS: tuple[str, ...] = get_args(Precision)
NAMES = {0: "negative", 1: "neutral", 2: "positive"}
BIG = 1_000_000
ONE, PADDED = "one at a time", "batches padded to 128"


def texts_of(lengths: np.ndarray, seed: int) -> list[str]:
    generator = np.random.default_rng(seed)
    return ["".join(generator.choice(LETTERS, size)) for size in lengths]


def make_model(layers: int, width: int, folder: Path) -> Path:
    from transformers import AutoModelForSequenceClassification

    settings = TrainingSettings(hidden=width, layers=layers, heads=12, max_length=128, vocabulary=8_000)
    folder.mkdir(parents=True)
    with quiet_transformers():
        build_base(texts_of(np.full(500, 60), seed=9), settings, folder)
        model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=3, id2label=NAMES)
        model.save_pretrained(folder)
    return folder


class Plain:
    """The loops that tutorials show, on the same model and tokenizer."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        with quiet_transformers():
            self.model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)

    def one(self, texts: list[str]) -> np.ndarray:
        return np.concatenate([self._scores([text], padding=False) for text in texts])

    def padded(self, texts: list[str]) -> np.ndarray:
        parts = [texts[first : first + 32] for first in range(0, len(texts), 32)]
        return np.concatenate([self._scores(part, padding="max_length") for part in parts])

    def _scores(self, texts: list[str], padding: str | bool) -> np.ndarray:
        import torch

        inputs = self.tokenizer(
            texts, truncation=True, max_length=128, padding=padding, return_tensors="pt"
        )
        with torch.no_grad():
            return torch.softmax(self.model(**inputs).logits, dim=-1).numpy()


def speed(layers: int, width: int, texts: list[str], what: str, rounds: int, folder: Path) -> None:
    plain = Plain(folder)
    runs = {ONE: plain.one, PADDED: plain.padded}
    runs |= {kind: Classifier.load(folder, precision=kind).probabilities for kind in KINDS}
    truth = plain.one(texts[:20])
    for name, run in runs.items():
        gap = float(np.abs(run(texts[:20]) - truth).max())  # also warms up
        assert gap < (1e-5 if name in (ONE, PADDED, "float32", "onnx") else 0.05), (name, gap)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.perf_counter()
            run(texts)
            seconds[name].append(time.perf_counter() - began)
    print(f"\n{layers} layers x {width}, {len(texts)} texts of {what}, {rounds} rounds")
    print(f"{'':24}{'texts/s':>9}   {'times ' + ONE:>24}   {'times ' + PADDED:>28}")
    for name, taken in seconds.items():
        ratios = [spread(np.divide(seconds[base], taken)) for base in (ONE, PADDED)]
        print(f"{name:24}{len(texts) / np.median(taken):9.1f}   {ratios[0]:>24}   {ratios[1]:>28}")


def spread(values: np.ndarray) -> str:
    return f"{values.min():.2f} - {np.median(values):.2f} - {values.max():.2f}"


def all_speeds(scratch: Path) -> None:
    import torch

    torch.set_num_threads(1)
    os.environ["QUSHI_STORE"] = str(scratch / "store")
    small, large = make_model(4, 312, scratch / "4"), make_model(12, 768, scratch / "12")
    sixty = texts_of(np.full(200, 60), seed=1)
    mixed = texts_of(np.random.default_rng(2).lognormal(3.4, 0.7, 200).clip(4, 126).astype(int), 3)
    speed(4, 312, sixty, "60 characters", 5, small)
    speed(4, 312, mixed, f"4 to 126 characters (median {np.median([*map(len, mixed)]):.0f})", 5, small)
    speed(12, 768, sixty[:40], "60 characters", 3, large)


def fill(path: Path, rows: int) -> None:
    """Add `rows` different texts of about 60 characters to an archive."""
    archive, generator = TextArchive(path), np.random.default_rng(0)
    start = pd.Timestamp("2020-01-01", tz="UTC")
    for first in range(0, rows, 20_000):
        numbers = np.arange(first, min(first + 20_000, rows))
        words = generator.choice(WORDS, (len(numbers), 28))
        bodies = [f"{number} {''.join(row)}" for number, row in zip(numbers, words, strict=True)]
        frame = pd.DataFrame({"id": [f"t{n}" for n in numbers], "body": bodies, "audience": "public"})
        frame["published_at"] = start + pd.to_timedelta(numbers, unit="s")
        archive.add(Texts.from_frame(frame))
    archive.close()


def score(path: Path, model: str) -> None:
    """What a child does: score the archive, then say how many, how long and how much memory."""
    scorer, archive = load_scorer(model), TextArchive(path)
    before = peak()
    began = time.perf_counter()
    done = scorer.score_archive(archive)
    seconds = time.perf_counter() - began
    print(
        f"{done:>10,} texts: {seconds:6.1f} s, {done / seconds:8,.0f} a second, peak {peak()} MiB "
        f"({before} MiB before the first)",
        flush=True,
    )


def peak() -> int:
    """MiB; the child's own, where ru_maxrss begins with its parent's."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024


def memory(scratch: Path) -> None:
    tiny = make_model(1, 24, scratch / "tiny")
    jobs = [(10_000, "dictionary"), (BIG, "dictionary"), (10_000, tiny), (BIG, tiny)]
    for rows, model in jobs:
        name = "word lists" if model == "dictionary" else "transformer of 1 layer x 24"
        print(f"\nscoring an archive, {name}", flush=True)
        path = scratch / f"{Path(model).name}-{rows}.sqlite"
        child("fill", path, rows)
        child("score", path, model)


def child(*arguments: object) -> None:
    subprocess.run([sys.executable, __file__, *map(str, arguments)], check=True)


def main() -> None:
    wanted = sys.argv[1:] or ["speed", "memory"]
    if wanted[0] == "fill":
        fill(Path(wanted[1]), int(wanted[2]))
    elif wanted[0] == "score":
        score(Path(wanted[1]), wanted[2])
    else:
        with tempfile.TemporaryDirectory() as name:
            if "speed" in wanted:
                all_speeds(Path(name))
            if "memory" in wanted:
                memory(Path(name))


if __name__ == "__main__":
    main()
