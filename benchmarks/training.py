"""What training costs: CPU seconds of one process as ratios, a table, or `--json`.

(a)  The trainer against the bare net, which takes the same step (forward, loss, backward, clipping,
     Adam) on one batch that lies ready: samples per second, and the memory that the trainer adds to the
     bare net's, against the float32 panel.  Turn about in one process, the fastest turn of each counts;
     memory in a process each.
(b)  A walk-forward of 20 refits x 10 symbols: one net for all symbols, refitted warm, taught at every
     row and rolled, against one cold net a symbol and refit, a window a label.  The same net and data,
     on a planted signal and on real bars (folder `QUSHI_SHARED_DATA`).  Error: the mean squared error
     of all forecasts over that of forecasting 0, and its difference to the cold nets' with a standard
     error over sessions.  Defaults were chosen on other stocks, years and planted bars (`CHOSEN_ON`).
(c)  darts' LSTM (`BlockRNNModel`) of the same size on the same rows, where darts is installed;
     `--darts` names a folder to import it from.
(d)  GPU over CPU with batches of 4,096, where there is CUDA.

    python benchmarks/training.py --json table.json          about 6 minutes on one quiet core

CPU seconds are those of the machine at hand, and move with what else it does; ratios move less.
"""

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional

from qushi.core import Bars, Features, Forecasts
from qushi.core.calendar import sessions
from qushi.core.extensions import build
from qushi.forecasters import FeatureSet, Forecaster, WalkForward
from qushi.forecasters.labels import make_labels
from qushi.forecasters.models._torch import TorchForecaster
from qushi.forecasters.models.lstm import LSTM
from qushi.forecasters.models.transformer_encoder import TransformerEncoder
from qushi.forecasters.training import train_network
from qushi.forecasters.windows import Float32Array, Panel, Windows
from qushi.market import BarSource, load_bars

FEATURES, LOOKBACK, BATCH = 20, 20, 64
NETS: dict[str, TorchForecaster] = {"lstm 128 x 3": LSTM(), "transformer_encoder": TransformerEncoder()}
CHOSEN_ON = "000001 000002 000651 000858 600028 600036 600519 600887 601318 601398"
"""Stocks whose bars of 2016-01 ... 2020-06 the defaults were chosen on; planted bars of seed 1 too."""
YEARS = "2020-07-01", "2024-12-31"
LISTED = "2010-01-04"
COLD: dict[str, Any] = {"supervise": "last", "context": "window", "warm_start": False}
WAYS: dict[str, tuple[Literal["all", "symbol"], dict[str, Any]]] = {
    "cold, a net a symbol, windows": ("symbol", COLD),
    "cold, one net, windows": ("all", COLD),
    "warm, one net, windows": ("all", {**COLD, "warm_start": True}),
    "warm, one net, rows": ("all", {"supervise": "rows", "context": "window"}),
    "warm, one net, rows, rolled": ("all", {"supervise": "rows", "context": "rolled"}),
}
Row = dict[str, object]


def make_windows(symbols: int, rows: int, lookback: int = LOOKBACK) -> Windows:
    """Windows of random rows; the label is random too."""
    random, count = np.random.default_rng(0), symbols * rows
    first = np.repeat(np.arange(symbols, dtype=np.int64) * rows, rows)
    panel = Panel(
        random.standard_normal((count, FEATURES), dtype=np.float32),
        tuple(f"f{n}" for n in range(FEATURES)),
        np.ones(count),
        np.repeat(np.array([f"s{n}" for n in range(symbols)], dtype=object), rows),
        np.tile(sessions("XSHG", "2010-01-04")[:rows].to_numpy(), symbols),
        first,
    )
    ends = np.arange(count, dtype=np.int64)
    ends = ends[ends - first >= lookback - 1]
    return Windows(panel, ends, lookback, random.standard_normal(len(ends), dtype=np.float32))


def nothing(windows: Windows) -> Windows:
    return windows.subset(np.arange(0))


def columns(windows: Windows) -> tuple[Float32Array, Float32Array]:
    """Labels to train on and, without rows, to validate on."""
    assert windows.targets is not None
    return windows.targets[:, None], windows.targets[:0, None]


def bare(model: TorchForecaster, steps: int) -> float:
    """CPU seconds of so many steps on one resident batch."""
    net = model.network(FEATURES, LOOKBACK, 1).train()
    rows, wanted = torch.randn(BATCH, LOOKBACK, FEATURES), torch.randn(BATCH, 1)
    optimizer = torch.optim.AdamW(net.parameters(), lr=model.learning_rate)
    began = time.process_time()
    for _ in range(steps):
        value = functional.huber_loss(net(rows), wanted)
        optimizer.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        nn.utils.clip_grad_norm_(net.parameters(), model.clip)
        optimizer.step()
        float(value.detach())
    return time.process_time() - began


def trained(model: TorchForecaster, windows: Windows, epochs: int = 1) -> float:
    """CPU seconds of epochs of the trainer."""
    settings = model.model_copy(update={"epochs": epochs, "batch": BATCH, "device": "cpu"})
    none, labels = nothing(windows), columns(windows)
    began = time.process_time()
    train_network(
        lambda: settings.network(FEATURES, LOOKBACK, 1),
        windows,
        none,
        labels,
        functional.huber_loss,
        settings,
    )
    return time.process_time() - began


def speed(repeats: int = 9, steps: int = 32) -> Iterator[Row]:
    windows = make_windows(4, 600)
    windows = windows.subset(np.arange(steps * BATCH))
    for name, model in NETS.items():
        if isinstance(model, LSTM):
            model = model.model_copy(update={"supervise": "last", "context": "window"})
        bare(model, 2), trained(model, windows.subset(np.arange(BATCH)))
        found = [(bare(model, steps), trained(model, windows)) for _ in range(repeats)]
        alone, ours = (min(pair[at] for pair in found) for at in (0, 1))
        yield {
            "part": "a",
            "what": f"{name}: samples/s over the bare net's",
            "bare": round(steps * BATCH / alone),
            "ours": round(steps * BATCH / ours),
            "ratio": round(alone / ours, 3),
            "wanted": ">= 0.95",
            "met": verdict(alone / ours >= 0.95),
        }


def verdict(met: bool) -> str:
    return "yes" if met else "NO"


def memory_of(way: str) -> int:
    """KiB that a fit in this process adds at its peak; "bare": the same steps on a very small panel.

    Both stop after 20 steps: all that a fit holds is there by then.
    """
    model = LSTM(supervise="rows") if way == "rows" else LSTM(supervise="last")
    torch.set_num_threads(1)
    windows = make_windows(1, 600) if way == "bare" else make_windows(300, 2_500)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak of the imports
    before = resident("VmRSS")
    count = 0

    def loss(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        nonlocal count
        count += 1
        if count > 20:
            raise KeyboardInterrupt
        return functional.huber_loss(found, wanted)

    none, labels = nothing(windows), columns(windows)
    with contextlib.suppress(KeyboardInterrupt):
        train_network(lambda: model.network(FEATURES, LOOKBACK, 1), windows, none, labels, loss, model)
    return resident("VmHWM") - before


def resident(which: str) -> int:
    """KiB that this process holds, now (VmRSS) or at most so far (VmHWM); Linux only."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{which}:"))


def memory() -> Iterator[Row]:
    """What a fit adds on top of the panel: 300 symbols x 2,500 sessions x 20 features."""
    panel = 300 * 2_500 * FEATURES * 4 / 1024
    found = {}
    for way in ("bare", "last", "rows"):
        asked = [sys.executable, __file__, "--memory-of", way]
        found[way] = int(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)
    for way in ("last", "rows"):
        extra = max(0, found[way] - found["bare"])
        yield {
            "part": "a",
            "what": f"memory, panel and what a fit ({way}) adds, over the panel",
            "bare": f"{panel / 1024:.0f} MiB",
            "ours": f"{(panel + extra) / 1024:.0f} MiB",
            "ratio": round(1 + extra / panel, 3),
            "wanted": "<= 1.3",
            "met": verdict(extra / panel <= 0.3),
        }


def planted_bars(symbols: int, rows: int) -> Bars:
    """z(t) = 0.6 tanh(1.5 (z(t-1) - z(t-3))) + noise, a return of z %; opens at the close before."""
    random, parts = np.random.default_rng(2), []
    for number in range(symbols):
        noise, moves = random.standard_normal(rows), np.zeros(rows)
        for t in range(3, rows):
            moves[t] = 0.6 * np.tanh(1.5 * (moves[t - 1] - moves[t - 3])) + noise[t]
        close = 100 * np.exp(np.cumsum(0.01 * moves))
        opening = np.r_[100.0, close[:-1]]
        frame = {"open": opening, "high": np.maximum(opening, close), "low": np.minimum(opening, close)}
        parts.append(
            pd.DataFrame(
                {
                    "symbol": f"{600000 + number}.SH",
                    "session": sessions("XSHG", "2015-01-05")[:rows],
                    **frame,
                    "close": close,
                    "volume": np.exp(random.normal(12, 0.5, rows)),
                }
            )
        )
    return Bars.from_frame(pd.concat(parts))


def real_bars() -> Bars | None:
    """The first ten stocks by code that traded on `LISTED` and are not in `CHOSEN_ON`, in `YEARS`."""
    folder = Path(os.environ.get("QUSHI_SHARED_DATA", "../shared/data")) / "ashare_akshare_2010_2026"
    if not folder.is_dir():
        return None
    table = {"kind": "csv", "folder": str(folder), "pattern": "{code}.csv", "adjustment": "adjusted"}
    source = build("qushi.market.sources", table, BarSource, "[bars]")
    symbols: list[str] = []
    for path in sorted(folder.glob("[036]*.csv")):
        begins = path.read_text(encoding="utf-8").split("\n", 2)[1][:10]
        if path.stem not in CHOSEN_ON and begins == LISTED and len(symbols) < 10:
            symbols.append(f"{path.stem}.{'SH' if path.stem.startswith('6') else 'SZ'}")
    return load_bars(source, symbols, *YEARS)


def squares(forecasts: Forecasts, bars: Bars, horizon: int) -> tuple[pd.DataFrame, float]:
    """Squared miss and squared label, summed by session; correlation of forecast and label."""
    frame = forecasts.frame.reset_index()
    label = make_labels(bars, horizon)["label"].rename("label").reset_index()
    both = frame.merge(label, on=["symbol", "session"]).dropna(subset=["label", "expected_return"])
    both["miss"] = (both["expected_return"] - both["label"]) ** 2
    both["size"] = both["label"] ** 2
    found = both.groupby("session")[["miss", "size"]].sum()
    return found, float(both["expected_return"].corr(both["label"]))


def difference(ours: pd.DataFrame, theirs: pd.DataFrame) -> tuple[float, float]:
    """Difference of the errors and its standard error, sessions taken for independent."""
    by_session = (ours["miss"] - theirs["miss"]) / ours["size"].mean()
    return float(by_session.mean()), float(by_session.std() / np.sqrt(len(by_session)))


def walk_forward(seeds: int, ways: list[str]) -> Iterator[Row]:
    """20 refits x 10 symbols, 20 sessions each, on 400 training and 60 validation sessions."""
    features = FeatureSet(
        returns=[1, 5], volatility=[5], volume=[5], calendar=False, candle=False, indicators=[]
    )
    net: dict[str, Any] = {
        "hidden": [32],
        "epochs": 15,
        "patience": 3,
        "learning_rate": 0.003,
        "device": "cpu",
    }
    for data, bars in (("planted signal", planted_bars(10, 900)), ("real bars", real_bars())):
        if bars is None:
            yield {"part": "b", "what": "real bars: left out, QUSHI_SHARED_DATA names no folder of them"}
            continue
        built = features.build(bars)
        start, end = bars.sessions[-400].date(), bars.sessions[-1].date()
        yield {
            "part": "b",
            "what": f"{data}: forecasts from {start} to {end}, seeds 0 ... {seeds - 1}",
            "net": f"LSTM {net['hidden']}, {len(built.names)} features, lookback {LOOKBACK}",
            "symbols": " ".join(bars.symbols),
        }
        walks = {
            name: WalkForward(
                lookback=LOOKBACK,
                train=400,
                min_train=400,
                valid=60,
                refit_every=20,
                pool=WAYS[name][0],
                start=start,
                end=end,
            )
            for name in ways
        }
        runs: dict[str, list[tuple[float, pd.DataFrame, float]]] = {name: [] for name in ways}
        for name in ways:  # torch loads what it needs
            trained(LSTM(hidden=[8], **WAYS[name][1]), make_windows(1, 100))
        for seed in range(seeds):  # turn about, so that other load on the machine falls on all alike
            for name in ways:
                model = LSTM(**net, **WAYS[name][1])
                runs[name].append(timed(walks[name], model, built, bars, seed))
        first = None
        for name, found in runs.items():
            seconds, ic = (float(np.mean([f[at] for f in found])) for at in (0, 2))
            missed = sum(f[1] for f in found) / seeds
            errors = [f[1]["miss"].sum() / f[1]["size"].sum() for f in found]
            row: Row = {
                "part": "b",
                "what": f"{data}: {name}",
                "seconds": round(seconds, 1),
                "error": round(float(np.mean(errors)), 4),
                "by seed": " ".join(f"{e:.4f}" for e in errors),
                "ic": round(ic, 3),
            }
            if first is None:
                first = seconds, missed
            else:
                gap, spread = difference(missed, first[1])
                row["ratio"] = round(seconds / first[0], 3)
                row["error against the first"] = f"{gap:+.4f} +- {spread:.4f}"
                if name == list(WAYS)[-1]:
                    row["wanted"] = "ratio <= 0.1, error no larger"
                    row["met"] = f"{verdict(seconds <= 0.1 * first[0])}, {verdict(gap <= 0)}"
            yield row


def timed(
    walk: WalkForward, model: Forecaster, features: Features, bars: Bars, seed: int
) -> tuple[float, pd.DataFrame, float]:
    began = time.process_time()
    forecasts = walk.run("net", model, features, bars, seed=seed)
    return time.process_time() - began, *squares(forecasts, bars, walk.horizon)


def darts(folder: str | None) -> Iterator[Row]:
    """An epoch of 4 symbols x 400 rows, one label a window: LSTM of 64, batches of 64, Adam."""
    if folder:
        sys.path.append(folder)
    try:
        import logging
        import warnings

        warnings.simplefilter("ignore")
        from darts import TimeSeries  # type: ignore[import-not-found]
        from darts.models import BlockRNNModel  # type: ignore[import-not-found]
    except ImportError:
        yield {"part": "c", "what": "darts: left out, not installed here"}
        return
    for name in ("darts", "lightning", "pytorch_lightning", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.ERROR)
    windows = make_windows(4, 400)
    values = windows.panel.values.reshape(4, 400, FEATURES)  # noqa: PD011  # an array
    past = [TimeSeries.from_values(rows) for rows in values]
    label = [TimeSeries.from_values(np.roll(rows[:, :1], 1, axis=0)) for rows in values]
    quiet = {
        "accelerator": "cpu",
        "enable_progress_bar": False,
        "logger": False,
        "enable_checkpointing": False,
        "enable_model_summary": False,
    }

    def theirs(epochs: int) -> float:
        model = BlockRNNModel(
            model="LSTM",
            hidden_dim=64,
            n_rnn_layers=1,
            hidden_fc_sizes=[16],
            input_chunk_length=LOOKBACK,
            output_chunk_length=1,
            batch_size=BATCH,
            n_epochs=epochs,
            random_state=0,
            pl_trainer_kwargs=quiet,
        )
        began = time.process_time()
        model.fit(label, past_covariates=past, verbose=False)
        return time.process_time() - began

    def ours(epochs: int, **how: Any) -> float:
        return trained(LSTM(hidden=[64], **how), windows, epochs)

    # a first epoch holds what is done once; three more without it are the epochs themselves.
    per = {}
    ways: dict[str, Callable[[int], float]] = {
        "windows": lambda n: ours(n, supervise="last"),
        "rows": lambda n: ours(n, supervise="rows"),
    }
    theirs(1)
    alone = np.median([theirs(4) - theirs(1) for _ in range(3)])
    for name, run in ways.items():
        run(1)
        per[name] = np.median([run(4) - run(1) for _ in range(3)])
        yield {
            "part": "c",
            "what": f"darts' seconds an epoch over ours, {name}",
            "theirs": round(float(alone) / 3, 3),
            "ours": round(float(per[name]) / 3, 3),
            "ratio": round(float(alone / per[name]), 2),
        }


def gpu() -> Iterator[Row]:
    if not torch.cuda.is_available():
        yield {"part": "d", "what": "GPU: left out, no CUDA here"}
        return
    windows = make_windows(20, 1_000)
    none, labels = nothing(windows), columns(windows)
    for name, model in NETS.items():
        took = {}
        for device in ("cpu", "cuda", "cuda"):  # the first time on the GPU loads its libraries
            settings = model.model_copy(update={"epochs": 1, "batch": 4_096, "device": device})
            began = time.perf_counter()
            train_network(
                partial(settings.network, FEATURES, LOOKBACK, 1),
                windows,
                none,
                labels,
                functional.huber_loss,
                settings,
            )
            took[device] = time.perf_counter() - began
        yield {
            "part": "d",
            "what": f"{name}: CPU seconds an epoch over the GPU's, batches of 4,096",
            "ratio": round(took["cpu"] / took["cuda"], 1),
        }


def show(row: Row) -> None:
    rest = "  ".join(
        f"{key} {value}" for key, value in row.items() if key not in ("part", "what") and value
    )
    print(f"({row['part']}) {row['what']:62s} {rest}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="What training costs, as ratios.")
    parser.add_argument("--parts", default="abcd")
    parser.add_argument("--seeds", type=int, default=2, help="seeds of (b)")
    parser.add_argument("--ways", default="034", help="which ways of (b): 0 1 2 3 4, the first is 1.0")
    parser.add_argument("--darts", help="a folder that holds darts")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--memory-of", choices=("bare", "last", "rows"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.memory_of:
        print(memory_of(asked.memory_of))
        return
    names = [list(WAYS)[int(way)] for way in asked.ways]
    parts = {
        "a": lambda: [*speed(), *memory()],
        "b": lambda: walk_forward(asked.seeds, names),
        "c": lambda: darts(asked.darts),
        "d": gpu,
    }
    print(
        f"torch {torch.__version__} on {platform.machine()}, one thread; CPU seconds measured here. "
        f"(a), (c): {FEATURES} features, lookback {LOOKBACK}, batches of {BATCH}, seed 0.",
        flush=True,
    )
    rows = []
    for part in asked.parts:
        for row in parts[part]():
            show(row)
            rows.append(row)
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
