"""Texts that `qushi texts import` has archived."""

from ...core import DataError, Texts
from ...core.places import expand, store_folder
from ._base import TextSource


class ArchivedTexts(TextSource):
    """Texts from the archive.

    url
        A SQLite file, or the URL of a team's database; left out, where `qushi texts` keeps them.
    """

    url: str = ""

    def fetch(
        self, start: str | None = None, end: str | None = None, symbol: str | None = None
    ) -> Texts:
        """Archived texts of a window; `DataError` where the archive is not there or holds none."""
        from ..archive import TextArchive

        url = self.url or str(store_folder() / "texts.sqlite")
        if "://" not in url:
            path = expand(url)
            if not path.is_file():
                raise DataError(f"no text archive {str(path)!r}: fill one with qushi texts import")
            url = str(path)
        return TextArchive(url).read(start, end, symbol)
