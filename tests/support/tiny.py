"""A small experiment on the embedded sample that runs in a few seconds."""

from pathlib import Path

TINY = """\
name = "tiny"

[bars]
kind = "sample"
symbols = ["000300.SH"]
start = "2019-01-02"
end = "2021-12-31"

[features]
returns = [1, 5]
volatility = [5]
volume = []
indicators = ["rsi"]

[walk_forward]
horizon = 5
lookback = 5
min_train = 200
valid = 40
refit_every = 120

[[forecasters]]
kind = "momentum"

[[forecasters]]
kind = "lstm"
hidden = [4]
dense = 4
epochs = 2

[[strategies]]
kind = "buy_and_hold"

[[strategies]]
kind = "trend_follow"

[backtest]
lots = false

[report]
tear_sheets = "none"
"""


def write_tiny(folder: Path, **changes: str) -> Path:
    """The experiment as a file; `changes` replaces text in it, old = new."""
    text = TINY
    for old, new in changes.items():
        if old not in text:
            raise ValueError(f"{old!r} is not in the experiment")
        text = text.replace(old, new)
    path = folder / "tiny.toml"
    path.write_text(text, encoding="utf-8")
    return path
