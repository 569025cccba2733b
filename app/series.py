"""External series of an experiment: `[[series]]` tables in, values with the moment of each out.

Where a value has a date only, it counts from the end of that date: nobody can say that it was known
earlier.  Midnight without more is a date, too: tables write days like that.
"""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..core import QUIET, Bars, DataError, Progress
from ..core.calendar import ZONES
from ..core.errors import near_names
from ..core.places import expand
from ..forecasters.series import ExternalSeries
from ..market import BarSource
from .config import Experiment
from .experiment_file import SeriesSettings, Window
from .tables import read_table
from .user_code import somebodys

_EMPTY = ("", ".", "nan", "NaN")  # a point is how central banks write a holiday


def load_series(
    experiment: Experiment, bars: Bars, progress: Progress = QUIET
) -> tuple[ExternalSeries, ...]:
    """The series that `[features]` asks for, in its order; none where no model is fitted.

    Raises `DataError` for a file, a column or a value that is not what the table says.
    """
    if not experiment.forecasters:
        return ()
    return named_series(experiment, experiment.settings.features.series, bars.calendar, progress)


def named_series(
    experiment: Experiment, names: Sequence[str], calendar: str, progress: Progress = QUIET
) -> tuple[ExternalSeries, ...]:
    """The `[[series]]` of these names, in their order; `calendar` is that of the bars."""
    tables = {table.name: table for table in experiment.settings.series}
    found = []
    for name in names:
        table = tables[name]
        if table.file is not None:
            found.append(read_series(table, calendar))
        else:
            source = experiment.series_sources[name]
            found.append(_of_bars(table, source, experiment.window, progress))
    return tuple(found)


def read_series(table: SeriesSettings, calendar: str) -> ExternalSeries:
    """The series of a file; dates without a zone are those of `zone`, or of the exchange `calendar`."""
    if table.file is None:
        raise DataError(f"the series {table.name!r} has no file to be read")
    path = expand(table.file)
    rows = read_table(path)
    for key in (table.date, table.value):
        if key not in rows.columns:
            raise DataError(f"{path}: no column {key!r}: {near_names(key, map(str, rows.columns))}")
    zone = ZoneInfo(table.zone or ZONES[calendar])
    where = f"{path}, column {table.date!r}"
    moments = [_moment(given, table, zone, where) for given in rows[table.date]]
    numbers = _numbers(rows[table.value], path)
    at = pd.DatetimeIndex(pd.to_datetime(moments, utc=True)).as_unit("ns")
    values = pd.Series(numbers, index=at).sort_index()
    try:
        return ExternalSeries(table.name, values, table.forms, table.lag, table.max_age)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _of_bars(
    table: SeriesSettings, source: BarSource, window: Window, progress: Progress
) -> ExternalSeries:
    """Back-adjusted closes of the sessions in which the symbol traded."""
    symbol = str(table.symbol)
    with somebodys(type(source).__qualname__, type(source)):
        bars = source.fetch(symbol, *window)
    for said in source.take_notes():
        progress.note(said)
    traded = bars.one(symbol)
    traded = traded[~traded["suspended"]]
    closes = traded["close"] * traded["factor"]
    return ExternalSeries.of_closes(
        table.name, closes, bars.calendar, table.forms, table.lag, table.max_age
    )


def _numbers(column: pd.Series, path: Path) -> npt.NDArray[np.float64]:
    empty = column.isna() | column.astype(str).str.strip().isin(_EMPTY)
    numbers = pd.to_numeric(column.where(~empty), errors="coerce").astype(float)
    wrong = column[numbers.isna() & ~empty]
    if len(wrong):
        raise DataError(f"{path}: {wrong.iloc[0]!r} in {column.name!r} is not a number")
    return np.asarray(numbers, dtype=np.float64)


def _moment(given: object, table: SeriesSettings, zone: ZoneInfo, where: str) -> datetime:
    """From when the value of a row can be known."""
    at = _read(given, table.date_format, where)
    local = at if at.tzinfo is not None else at.replace(tzinfo=zone)
    if at.time() != time(0):
        return local
    if table.published:
        return datetime.combine(at.date(), time.fromisoformat(table.published), local.tzinfo)
    return datetime.combine(at.date() + timedelta(days=1), time(0), local.tzinfo)


def _read(given: object, date_format: str, where: str) -> datetime:
    if isinstance(given, pd.Timestamp):
        return datetime.fromisoformat(given.isoformat())
    text = str(given)
    try:
        return datetime.strptime(text, date_format) if date_format else datetime.fromisoformat(text)
    except ValueError:
        expected = f"of the form {date_format!r}" if date_format else "like 2024-01-31"
        raise DataError(f"{where}: {text!r} is not a date {expected}: set date_format") from None
