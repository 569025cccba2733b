"""Writing a page whole or not at all."""

import os
import tempfile
from pathlib import Path


def write_whole(text: str, path: Path) -> Path:
    """Write UTF-8 text beside `path` under a temporary name, then put it in place at once.

    A reader sees the old page or the new one, never half of either.  Missing folders are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(name, 0o644)  # mkstemp makes it private; a report is meant to be read
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path
