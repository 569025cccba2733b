"""The file of `qushi texts fetch`: which sources of texts are kept up to date.

    [[sources]]
    kind = "rss"                    any kind of `[texts]`, with its settings
    url = "https://..."
    since = 2024-01-01              optional: the first day asked for

Relative paths are relative to the file.
"""

import datetime
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core import ConfigError, InputError
from ..core.errors import near_names
from ..core.extensions import build
from ..sentiment import TextSource
from .options import check_day

_PATHS = ("path", "folder")


def read_text_sources(path: Path) -> list[tuple[TextSource, str | None]]:
    """Each source of the file and the day it begins; raises `ConfigError` before anything is fetched."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"no file {str(path)!r}: check the path") from None
    except (IsADirectoryError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a UTF-8 TOML file: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    for key in table:
        if key != "sources":
            raise ConfigError(f"{path}: unknown key {key!r}: {near_names(key, ['sources'])}")
    tables = table.get("sources", [])
    if not isinstance(tables, list) or not tables or not all(isinstance(t, dict) for t in tables):
        raise ConfigError(f"{path}: no sources: give each a [[sources]] table with its 'kind'")
    found = [_source(one, f"{path}: [[sources]] number {n}", path.parent)
             for n, one in enumerate(tables, start=1)]  # fmt: skip
    said = [(type(source), source.model_dump()) for source, _ in found]
    for number, one in enumerate(said):
        if one in said[:number]:
            twin = said.index(one) + 1
            raise ConfigError(f"{path}: [[sources]] number {number + 1} is the same as number {twin}")
    return found


def _source(table: Mapping[str, Any], where: str, folder: Path) -> tuple[TextSource, str | None]:
    rest = {key: value for key, value in table.items() if key != "since"}
    for key in _PATHS:
        path = rest.get(key)
        if isinstance(path, str) and path and not path.startswith(("$", "~")):
            rest[key] = str(folder.resolve() / path)
    try:
        since = _day(table.get("since"))
    except InputError as error:
        raise ConfigError(f"{where}: {error}") from None
    return build("qushi.sentiment.sources", rest, TextSource, where), since


def _day(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, datetime.datetime) or not isinstance(value, datetime.date | str):
        raise ConfigError(f"'since' is {value}: write a date as YYYY-MM-DD")
    check_day("'since'", str(value))
    return str(value)
