"""The embedded texts: synthetic, offline, for the demonstration and the tests.

They were generated from templates with a fixed seed (`tools/write_sample_texts.py`); nobody ever
posted them.  `sample/README.md` says how, and whatever shows a number made from them must say so.
"""

import pandas as pd

from ...core import Texts
from .._sample import SAMPLE_FOLDER
from ._base import SHANGHAI, ReadCounts, TextSource, within


class SampleTexts(TextSource):
    """Synthetic Chinese texts about the mainland market, 2016-2025, both audiences.

    >>> SampleTexts().fetch("2024-01-01", "2024-01-31").synthetic
    True
    """

    def fetch(
        self, start: str | None = None, end: str | None = None, symbol: str | None = None
    ) -> Texts:
        """The sample's texts; they speak of the whole market, so a `symbol` finds none."""
        table = pd.read_csv(SAMPLE_FOLDER / "texts.csv.gz", dtype=str, keep_default_na=False)
        local = pd.to_datetime(table["time"], format="%Y-%m-%d %H:%M:%S")
        table["published_at"] = local.dt.tz_localize(SHANGHAI).dt.tz_convert("UTC")
        table["source"] = "sample"
        self._counts = ReadCounts(rows=len(table))
        return within(Texts.from_frame(table, synthetic=True), start, end, symbol)
