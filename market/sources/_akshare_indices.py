"""Who was in an index on a day, as far as the publishers say.

China Securities Index publishes today's list of its indices (000…, 93…) with its date and no earlier
one; the Shenzhen publisher (399…) the lists of every month's end so far.  A list of today is never an
answer about the past.
"""

import pandas as pd

from ...core import DataError, SourceError
from ...core.akshare_wire import Ask, lacking, library
from ..instruments import exchange_of

_STALE = pd.Timedelta(days=45)
"""Lists come monthly: one that is older says nothing about the day asked for."""


def members(index: str, on: str | None, ask: Ask) -> tuple[str, ...]:
    """Symbols of an index, sorted; `SourceError` where the publisher says nothing of that day."""
    code, _, exchange = index.rpartition(".")
    if exchange == "SZ" and code.startswith("399"):
        return _of_shenzhen(code, index, on, ask)
    if exchange not in ("SH", "SZ"):
        raise DataError(
            f"{index!r} is no index that akshare has members of: write it like 000300.SH or 399001.SZ"
        )
    return _of_csi(code, index, on, ask)


def _of_csi(code: str, index: str, on: str | None, ask: Ask) -> tuple[str, ...]:
    akshare = library()
    found = ask(f"the members of {index}", lambda: akshare.index_stock_cons_csindex(symbol=code))
    stated = _dated(found, "日期", "成分券代码", index)
    if on is not None and pd.Timestamp(on) != stated["day"].max():
        raise SourceError(
            f"the publisher states who is in {index} on {stated['day'].max():%Y-%m-%d} only, not on "
            f"{on}: take another source, or a file with the members of that day"
        )
    return _symbols(stated[stated["day"] == stated["day"].max()])


def _of_shenzhen(code: str, index: str, on: str | None, ask: Ask) -> tuple[str, ...]:
    akshare = library()
    found = ask(f"the members of {index}", lambda: akshare.index_detail_hist_cni(symbol=code))
    stated = _dated(found, "日期", "样本代码", index)
    known = stated if on is None else stated[stated["day"] <= pd.Timestamp(on)]
    if known.empty or (on is not None and pd.Timestamp(on) - known["day"].max() > _STALE):
        raise SourceError(
            f"the publisher's lists of {index} run from {stated['day'].min():%Y-%m-%d} to "
            f"{stated['day'].max():%Y-%m-%d} and say nothing of {on}: take another source or day"
        )
    return _symbols(known[known["day"] == known["day"].max()])


def _dated(found: pd.DataFrame, day: str, code: str, index: str) -> pd.DataFrame:
    missing = lacking(found, (day, code))
    if missing:
        raise SourceError(f"the members of {index} lack {missing!r}: akshare has changed its columns")
    days = pd.to_datetime(found[day].astype(str), errors="coerce")
    table = pd.DataFrame({"day": days, "code": found[code].astype(str).str.zfill(6)})
    if table.empty or table["day"].isna().any():
        raise SourceError(f"the members of {index} came without their date: the site has changed")
    return table


def _symbols(stated: pd.DataFrame) -> tuple[str, ...]:
    return tuple(sorted(f"{code}.{exchange_of(code)}" for code in stated["code"].unique()))
