"""Small bar files of one symbol, written by hand, and the source that reads them."""

from qushi.market.sources.csv import Csv

DAYS = ["2024-01-02", "2024-01-03", "2024-01-04"]
PLAIN = "date,open,high,low,close,volume\n" + "".join(
    f"{day},{10 + i},{11 + i},{9 + i},{10.5 + i},{100 * (i + 1)}\n" for i, day in enumerate(DAYS)
)


def csv(folder, **settings):
    return Csv(**{"folder": str(folder), "adjustment": "raw", **settings})


def write(folder, text, name="600519.SH.csv", encoding="utf-8"):
    (folder / name).write_text(text, encoding=encoding)
