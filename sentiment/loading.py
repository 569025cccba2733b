"""Getting a model from a folder or the hub, and telling in one sentence why it cannot be had."""

import json
import tempfile
from pathlib import Path
from typing import Any

from ..core import DataError, SourceError
from ..core.hashing import hash_file, hash_json

_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")
_TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "sentencepiece.bpe.model", "spiece.model")


def check_folder(source: str | Path) -> str:
    """The folder or hub id that `source` names; `DataError` for a folder that is no model."""
    folder = Path(source).expanduser()
    text = str(source)
    if not folder.exists():
        looks_local = isinstance(source, Path) or text.startswith((".", "/", "~")) or text.count("/") > 1
        if looks_local:
            raise DataError(f"there is no model folder {str(folder)!r}")
        return text
    if not folder.is_dir():
        raise DataError(f"{str(folder)!r} is a file: name the folder that holds the model")
    for needed in (("config.json",), _WEIGHTS, _TOKENIZERS):
        if not any((folder / name).is_file() for name in needed):
            raise DataError(f"the folder {str(folder)!r} is no model: {needed[0]} is missing")
    return str(folder)


def load_classifier(name: str) -> tuple[Any, Any]:
    """Model and tokenizer of a checked folder or a hub id.

    Raises `DataError` for a folder that cannot be loaded and for a model without a trained head,
    `SourceError` for a hub id that cannot be had.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    reach(name)
    try:
        model, loaded = AutoModelForSequenceClassification.from_pretrained(
            name, output_loading_info=True
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
    """`SourceError` at once where a hub id is neither cached nor to be had.

    The hub's own loading repeats a refused connection for half a minute before it says so.
    """
    import httpx
    from huggingface_hub import HfApi, try_to_load_from_cache

    if Path(name).is_dir() or isinstance(try_to_load_from_cache(name, "config.json"), str):
        return
    try:
        HfApi().model_info(name, timeout=10.0)
    except (OSError, ValueError, httpx.HTTPError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SourceError(
            f"the model {name!r} is no folder here and cannot be had from the hub: {reason}"
        ) from error


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
