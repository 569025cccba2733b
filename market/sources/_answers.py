"""Columns of a remote's answer as dates and numbers; an empty field stays empty, nonsense is refused."""

import pandas as pd

from ...core import SourceError


def dates(found: pd.DataFrame, column: str, form: str, who: str) -> pd.Series:
    """Midnights, NaT where a field or the whole column is empty; `form` as in strptime."""
    text = _column(found, column)
    try:
        return pd.to_datetime(text, format=form).astype("datetime64[ns]")
    except ValueError as error:
        raise SourceError(f"{who}'s {column} holds something that is no date: {error}") from error


def numbers(found: pd.DataFrame, column: str, who: str) -> pd.Series:
    """Floats, NaN where a field or the whole column is empty."""
    try:
        return pd.to_numeric(_column(found, column)).astype(float)
    except (ValueError, TypeError) as error:
        raise SourceError(f"{who}'s {column} holds something that is no number: {error}") from error


def _column(found: pd.DataFrame, column: str) -> pd.Series:
    if column not in found:
        return pd.Series(index=found.index, dtype=object)
    return found[column].mask(found[column].isna() | (found[column] == ""), None)
