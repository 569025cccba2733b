"""Paths in settings: `~` and `${VARIABLE}` stand for what they stand for in a shell."""

import os
import re
from pathlib import Path

from .errors import ConfigError


def store_folder() -> Path:
    """Where bars, texts and models are kept between commands: `QUSHI_STORE`, or `store` here."""
    return Path(os.environ.get("QUSHI_STORE", "store"))


def expand(path: str | Path) -> Path:
    """The path with home and environment filled in; `ConfigError` names a variable that is not set.

    An empty variable counts as not set: it would turn a folder of data into a folder of the root.
    """

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1], "")
        if not found:
            raise ConfigError(
                f"{str(path)!r} needs the environment variable {match[1]}, which is not set: "
                "set it to the folder that holds the data"
            )
        return found

    return Path(re.sub(r"\$\{?(\w+)\}?", value, str(path))).expanduser()
