"""Texts that `qushi texts` has archived."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ...core import DataError, Texts
from ...core.places import expand, store_folder
from ._base import TextSource

if TYPE_CHECKING:
    from ..archive.text_archive import TextArchive


class ArchivedTexts(TextSource):
    """Texts from the archive, every version of them.

    url
        A SQLite file, or the URL of a team's database; left out, where `qushi texts` keeps them.
    known_from
        From when a version counts: "published", its own time as its source states it; or "recorded", the
        moment this archive met it where that is later: what could really have been read here.
    """

    url: str = ""
    known_from: Literal["published", "recorded"] = "published"

    @property
    def location(self) -> str:
        """Path or URL of the archive."""
        url = self.url or str(store_folder() / "texts.sqlite")
        return url if "://" in url else str(expand(url))

    def open(self) -> "TextArchive":
        """The archive itself; `DataError` where it is not there."""
        from ..archive.text_archive import TextArchive

        if "://" not in self.location and not Path(self.location).is_file():
            raise DataError(
                f"no text archive {self.location!r}: fill one with qushi texts import or fetch"
            )
        return TextArchive(self.location)

    def fetch(
        self, start: str | None = None, end: str | None = None, symbol: str | None = None
    ) -> Texts:
        """Archived texts of a window; `DataError` where the archive is not there or holds none."""
        archive = self.open()
        try:
            return archive.read(start, end, symbol, known_from=self.known_from)
        finally:
            archive.close()
