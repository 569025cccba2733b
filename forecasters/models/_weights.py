"""Folders of pre-trained weights: found, downloaded, and refused where something is missing.

A model is config.json and *.safetensors in one folder.  A pickle beside them is never read, and never
downloaded: reading one runs whatever code it holds.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from ...core import DataError, SourceError

_HUB_ID = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")


def local_folder(source: str, kind: str) -> Path:
    """The folder that `source` names; a hub id is downloaded, or found among what was.

    Raises `DataError` for a folder without a model, `SourceError` where the hub does not give it.
    """
    folder = Path(source).expanduser()
    if not folder.is_dir():
        if not _HUB_ID.fullmatch(source):
            raise DataError(
                f"{kind}: there is no folder {source!r}: name the folder that holds the model, or its "
                "hub id, owner/name"
            )
        folder = _downloaded(source, kind)
    if not (folder / "config.json").is_file() or not any(folder.glob("*.safetensors")):
        raise DataError(
            f"{kind}: the folder {str(folder)!r} holds no model: it needs config.json and *.safetensors"
        )
    return folder


def refuse_missing(network: nn.Module, folder: Path) -> None:
    """`DataError` where weights of the network are not in the folder's files.

    The libraries would fill such weights with random numbers and go on.
    """
    from safetensors import safe_open

    stored: set[str] = set()
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            stored |= set(file.keys())
    names: dict[int, list[str]] = {}
    for name, weight in network.named_parameters(remove_duplicate=False):
        names.setdefault(id(weight), []).append(name)
    for same in names.values():  # tied weights are stored once, under any of their names
        if not stored & set(same):
            raise DataError(f"the weights in {str(folder)!r} are not whole: {same[0]!r} is missing")


@contextmanager
def without_bars() -> Iterator[None]:
    """Keep the loading bars of `transformers` off the terminal."""
    from transformers.utils import logging as untyped

    logging: Any = untyped
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _downloaded(source: str, kind: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    wanted = ["*.json", "*.safetensors"]
    try:
        try:
            return Path(snapshot_download(source, allow_patterns=wanted, local_files_only=True))
        except LocalEntryNotFoundError:
            return Path(snapshot_download(source, allow_patterns=wanted))
    except (OSError, ValueError, RuntimeError) as error:
        raise SourceError(
            f"{kind}: {source!r} is no folder here, and the hub does not give it "
            f"({type(error).__name__}): name a local folder, or try again online"
        ) from error


def stamp_of(folders: tuple[Path, ...]) -> tuple[tuple[str, int, int], ...]:
    """What changes when a file of the model does: it is read and hashed again only then."""
    files = [path for folder in folders for path in files_of(folder)]
    return tuple((str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in files)


def files_of(folder: Path) -> list[Path]:
    """The files that a model in a folder is made of."""
    return [folder / "config.json", *sorted(folder.glob("*.safetensors"))]
