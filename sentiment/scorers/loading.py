"""Getting a model from a folder or the hub, and telling in one sentence why it cannot be had."""

import json
import re
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Literal

from ...core import DataError, SourceError
from ...core.hashing import hash_file, hash_json

_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")
_TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "sentencepiece.bpe.model", "spiece.model")
CARD = "qushi.json"
"""What training writes beside the weights: data, window, accuracy, seed."""

_HUB_ID = re.compile(r"^\w[\w.-]*(?:/\w[\w.-]*)?$")


def locate(source: str | Path) -> str:
    """The folder or hub id (`name` or `owner/name`) that `source` means; `DataError` for neither."""
    folder = Path(source).expanduser()
    text = str(source)
    if folder.is_file():
        raise DataError(f"{str(folder)!r} is a file: name the folder that holds the model")
    if folder.is_dir():
        return str(folder)
    if isinstance(source, Path) or not _HUB_ID.match(text):
        raise DataError(f"there is no model folder {str(folder)!r}")
    return text


def kind_of(source: str | Path) -> Literal["transformer", "linear", "dictionary"]:
    """Which kind of scorer `source` names; a folder that is called `dictionary` is `./dictionary`."""
    if isinstance(source, str) and (source == "dictionary" or source.startswith("dictionary:")):
        return "dictionary"
    card = read_card(Path(source).expanduser())
    return "linear" if card.get("kind") == "linear" else "transformer"


def read_card(folder: Path) -> dict[str, Any]:
    """The card that training left in a folder; empty where there is none."""
    path = folder / CARD
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{str(path)!r} is no JSON: train the model again") from error
    if not isinstance(found, dict):
        raise DataError(f"{str(path)!r} is no JSON object: train the model again")
    return found


def check_folder(source: str | Path) -> str:
    """As `locate`; `DataError` says what a folder lacks to be a model."""
    name = locate(source)
    folder = Path(name)
    for needed in (("config.json",), _WEIGHTS, _TOKENIZERS):
        if folder.is_dir() and not any((folder / file).is_file() for file in needed):
            raise DataError(f"the folder {name!r} is no model: {needed[0]} is missing")
    return name


def load_classifier(name: str) -> tuple[Any, Any]:
    """Model and tokenizer of a checked folder or a hub id.

    Raises `DataError` for a folder that cannot be loaded and for a model without a trained head,
    `SourceError` for a hub id that cannot be had.
    """
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    reach(name)
    try:
        # weights saved in half precision are widened: on most processors half is the slow one
        model, loaded = AutoModelForSequenceClassification.from_pretrained(
            name, output_loading_info=True, dtype=torch.float32
        )
        tokenizer = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        if Path(name).is_dir():
            raise DataError(
                f"the folder {name!r} holds no model that can be loaded: {reason}"
            ) from error
        raise SourceError(
            f"the model {name!r} is no folder here and cannot be had from the hub: {reason}"
        ) from error
    if loaded["missing_keys"]:
        missing = sorted(loaded["missing_keys"])[0]
        raise DataError(
            f"the model {name!r} is not trained to classify ({missing} is missing): fine-tune it first, "
            "with it as the base"
        )
    return model, tokenizer


def reach(name: str) -> None:
    """`SourceError` at once where a hub id is not cached and the hub does not answer.

    The hub's own loading repeats a refused connection for half a minute before it says so.
    """
    from huggingface_hub import constants, hf_hub_url, try_to_load_from_cache

    if Path(name).is_dir() or constants.HF_HUB_OFFLINE:
        return
    if isinstance(try_to_load_from_cache(name, "config.json"), str):
        return
    request = urllib.request.Request(hf_hub_url(name, "config.json"), method="HEAD")  # noqa: S310  the hub's URL
    try:
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310
            return
    except urllib.error.HTTPError:
        return  # it answers; what it says is told by the loading itself
    except OSError as error:
        raise SourceError(
            f"the model {name!r} is no folder here, and the hub cannot be reached: {error}"
        ) from error


def longest_input(model: Any, tokenizer: Any) -> int:
    """The most tokens a model takes; the RoBERTa kinds lose the positions up to their padding's."""
    limits = [int(tokenizer.model_max_length)]
    known = getattr(model.config, "max_position_embeddings", None)
    if known:
        taken = [
            part.position_embeddings.padding_idx + 1
            for part in model.modules()
            if getattr(getattr(part, "position_embeddings", None), "padding_idx", None) is not None
        ]
        limits.append(int(known) - max(taken, default=0))
    return min(limits)


def content_marks(model: Any, tokenizer: Any) -> list[str]:
    """Hashes of what decides a score, whatever the folder is called: weights, settings, tokenizer."""
    parts = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tokenizer.save_pretrained(folder / "tokenizer")
        model.save_pretrained(folder / "model")
        settings = json.loads((folder / "model" / "config.json").read_text(encoding="utf-8"))
        for volatile in ("_name_or_path", "transformers_version"):
            settings.pop(volatile, None)
        parts.append(hash_json(settings))
        parts += [hash_file(path) for path in sorted((folder / "model").glob("*.safetensors"))]
        vocabulary = folder / "tokenizer" / "tokenizer.json"
        if vocabulary.is_file():
            parts.append(hash_file(vocabulary))
        else:
            parts.append(hash_json(tokenizer.get_vocab()))
    return parts
