"""One Parquet file holding the bars of one symbol: written whole or not at all, and self-describing.

The schema's metadata carries symbol, calendar, adjustment, corporate actions, the listing and whatever
the writer adds (source, time of fetching), so a file can be listed and judged without reading its rows.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ..core import Actions, Bars, DataError, Listing
from ..core.bars import COLUMNS, Adjustment

_KEY = b"qushi"
FORMAT = 2
"""Since 2 with the exchange's reference price, corporate actions and the listing."""


def write_bars(bars: Bars, path: Path, about: Mapping[str, str | None]) -> None:
    """Write the bars of one symbol; an interruption leaves the old file as it was."""
    if len(bars.symbols) != 1:
        raise DataError(f"one file holds one symbol, received {len(bars.symbols)}")
    symbol = bars.symbols[0]
    frame = bars.one(symbol).reset_index()
    facts = {
        **about,
        "format": FORMAT,
        "symbol": symbol,
        "calendar": bars.calendar,
        "adjustment": bars.adjustment,
        "first": f"{frame['session'].iloc[0]:%Y-%m-%d}",
        "last": f"{frame['session'].iloc[-1]:%Y-%m-%d}",
        "actions": _actions_as_json(bars, symbol),
        "listing": _listing_as_json(bars.listings.get(symbol)),
    }
    frame["session"] = frame["session"].dt.date
    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.replace_schema_metadata({_KEY: json.dumps(facts, ensure_ascii=False)})
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            pq.write_table(table, file, compression="zstd", compression_level=9)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def read_about(path: Path) -> dict[str, Any]:
    """What a file says of itself, with its number of rows; `DataError` where it is none of ours."""
    try:
        found = pq.read_metadata(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}") from error
    facts = _facts(found.metadata, path)
    return {**facts, "rows": str(found.num_rows)}


def read_bars(path: Path) -> Bars:
    """The bars of one file, checked again; `DataError` where the file is not one of ours."""
    try:
        table = pq.read_table(path, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}") from error
    facts = _facts(table.schema.metadata, path)
    frame = table.to_pandas(ignore_metadata=True)
    needed = [name for name in ("session", *COLUMNS) if name != "pre_close" or facts["format"] > 1]
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise DataError(f"{path} lacks the column {missing[0]!r}; it has {', '.join(frame.columns)}")
    frame["session"] = pd.to_datetime(frame["session"]).astype("datetime64[ns]")
    frame["symbol"] = facts["symbol"]
    adjustment: Adjustment = "raw" if facts["adjustment"] == "raw" else "adjusted"
    return Bars.from_frame(
        frame,
        adjustment=adjustment,
        calendar=facts["calendar"],
        actions=_actions_from_json(facts.get("actions"), facts["symbol"]),
        listings=_listings_from_json(facts.get("listing"), facts["symbol"]),
    )


def _actions_as_json(bars: Bars, symbol: str) -> list[dict[str, Any]] | None:
    """One object an action; None where nothing is known, which is not the same as none."""
    if symbol not in bars.actions.known:
        return None
    rows = bars.actions.one(symbol).reset_index()
    for name in ("session", "pay_session"):
        rows[name] = rows[name].dt.strftime("%Y-%m-%d").where(rows[name].notna(), None)
    found: list[dict[str, Any]] = rows.to_dict("records")
    return found


def _actions_from_json(rows: list[dict[str, Any]] | None, symbol: str) -> Actions:
    if not rows:
        return Actions.none(() if rows is None else (symbol,))
    return Actions.from_frame(pd.DataFrame(rows).assign(symbol=symbol))


def _listing_as_json(listing: Listing | None) -> dict[str, str | None] | None:
    if listing is None:
        return None
    days = {"listed": listing.listed, "delisted": listing.delisted}
    return {**{k: None if d is None else f"{d:%Y-%m-%d}" for k, d in days.items()}, "name": listing.name}


def _listings_from_json(found: dict[str, Any] | None, symbol: str) -> dict[str, Listing]:
    if found is None:
        return {}
    listed, delisted = (
        None if d is None else pd.Timestamp(d) for d in (found["listed"], found["delisted"])
    )
    return {symbol: Listing(listed, delisted, found["name"])}


def _facts(metadata: Mapping[bytes, bytes] | None, path: Path) -> dict[str, Any]:
    if not metadata or _KEY not in metadata:
        raise DataError(f"{path} was not written by qushi: read foreign files with the source 'parquet'")
    facts: dict[str, Any] = json.loads(metadata[_KEY])
    if int(facts["format"]) > FORMAT:
        raise DataError(f"{path} has format {facts['format']}, this qushi reads up to {FORMAT}")
    return facts
