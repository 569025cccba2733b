"""Dated texts, each with the moment from which it may be used."""

from dataclasses import dataclass
from typing import Literal, Self, get_args

import pandas as pd

from .errors import DataError
from .hashing import hash_frame

Audience = Literal["public", "institution"]
AUDIENCES: tuple[str, ...] = get_args(Audience)
COLUMNS = (
    "id",
    "published_at",
    "first_seen",
    "edited_at",
    "source",
    "audience",
    "symbol",
    "mentions",
    "title",
    "body",
    "weight",
    "reads",
    "comments",
    "version_of",
)

_DEFAULTS: tuple[tuple[str, object], ...] = (
    ("source", ""),
    ("symbol", None),
    ("mentions", ""),
    ("title", ""),
    ("weight", 1.0),
    ("reads", float("nan")),
    ("comments", float("nan")),
    ("version_of", None),
)


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts, sorted by `available_at`, then `id`.

    frame
        `id` (unique string), `published_at` (UTC), `first_seen` and `edited_at` (UTC, NaT where
        unknown), `source`, `audience` ("public" or "institution"), `symbol` (what it was written
        about, or None: the market), `mentions` (other symbols that it names, with blanks between),
        `title`, `body`, `weight` (> 0, 1 by default), `reads` and `comments` (counts as they were when
        the text was seen, NaN where unknown), `version_of` (id of the text that this row is a later
        version of, or None).
    synthetic
        True where the texts were written by hand or machine for a demonstration.  Reports say so.

    A text may be used from `available_at = max(published_at, first_seen, edited_at)`.  What was read at
    that moment never changes: an edit is another row, a later version with its own time.
    Raises `DataError`.
    """

    frame: pd.DataFrame
    synthetic: bool = False

    def __post_init__(self) -> None:
        frame = self.frame
        missing = [c for c in COLUMNS if c not in frame.columns]
        if missing:
            raise DataError(f"texts lack the column {missing[0]!r}; received {list(frame.columns)}")
        for name in ("published_at", "first_seen", "edited_at"):
            if not isinstance(frame[name].dtype, pd.DatetimeTZDtype):
                raise DataError(f"{name!r} must carry a zone, received {frame[name].dtype}")
        if frame["published_at"].isna().any():
            bad = frame.loc[frame["published_at"].isna(), "id"].iloc[0]
            raise DataError(f"the text {bad!r} has no time: a text without a time cannot be used")
        if frame["id"].duplicated().any():
            raise DataError(
                f"two texts have the id {frame.loc[frame['id'].duplicated(), 'id'].iloc[0]!r}"
            )
        unknown = set(frame["audience"]) - set(AUDIENCES)
        if unknown:
            raise DataError(f"audience is one of {AUDIENCES}, received {sorted(map(str, unknown))[0]!r}")
        if not (frame["weight"] > 0).all():
            raise DataError("the weight of a text must be above 0")
        for name in ("reads", "comments"):
            if (frame[name] < 0).any():
                bad = frame.loc[frame[name] < 0, "id"].iloc[0]
                raise DataError(f"the text {bad!r} has {name} below 0")
        if (frame["version_of"] == frame["id"]).any():
            bad = frame.loc[frame["version_of"] == frame["id"], "id"].iloc[0]
            raise DataError(f"the text {bad!r} cannot be a version of itself")

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, *, synthetic: bool = False) -> Self:
        """From a table with `id`, `published_at`, `audience` and `body`; the rest has defaults."""
        table = frame.reset_index(drop=True)
        for name in ("id", "published_at", "audience", "body"):
            if name not in table.columns:
                raise DataError(f"texts lack the column {name!r}; received {list(frame.columns)}")
        for name in ("published_at", "first_seen", "edited_at"):
            if name not in table.columns:
                table[name] = pd.Series(pd.NaT, index=table.index).dt.tz_localize("UTC")
            elif isinstance(table[name].dtype, pd.DatetimeTZDtype):
                table[name] = table[name].dt.tz_convert("UTC").astype("datetime64[ns, UTC]")
            else:
                raise DataError(f"{name!r} must carry a zone, received {table[name].dtype}")
        for name, default in _DEFAULTS:
            if name not in table.columns:
                table[name] = default
        for name in ("symbol", "version_of"):
            table[name] = table[name].astype(object).where(table[name].notna(), None)
        for name in ("weight", "reads", "comments"):
            table[name] = table[name].astype(float)
        table = table[list(COLUMNS)]
        order = pd.DataFrame({"at": _available_at(table), "id": table["id"]})
        order = order.sort_values(["at", "id"]).index
        return cls(table.loc[order].reset_index(drop=True), synthetic)

    @property
    def available_at(self) -> pd.Series:
        """UTC moment from which each text may be used."""
        return _available_at(self.frame)

    @property
    def text_ids(self) -> pd.Series:
        """What all versions of one text share: the id of the first."""
        return self.frame["version_of"].where(self.frame["version_of"].notna(), self.frame["id"])

    @property
    def contents(self) -> pd.Series:
        """Title and body as the classifier reads them: one string a text."""
        return (self.frame["title"] + "\n" + self.frame["body"]).str.strip()

    def __len__(self) -> int:
        return len(self.frame)

    def until(self, moment: pd.Timestamp) -> Self:
        """Only texts available at `moment` (zone-aware) or before."""
        keep = self.available_at <= moment
        return type(self)(self.frame[keep].reset_index(drop=True), self.synthetic)

    @property
    def fingerprint(self) -> str:
        """Content hash: equal texts, equal hash."""
        return hash_frame(self.frame)


def _available_at(frame: pd.DataFrame) -> pd.Series:
    return frame[["published_at", "first_seen", "edited_at"]].max(axis=1).rename("available_at")
