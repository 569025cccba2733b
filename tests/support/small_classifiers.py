"""Small sequence classifiers with random weights, of several architectures, in folders."""

from pathlib import Path
from typing import Any

from qushi.sentiment import TrainingSettings, sample_labels
from qushi.sentiment.scorers._runtime import quiet_transformers
from qushi.sentiment.training.scratch import build_base

SIZE: dict[str, Any] = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "initializer_range": 0.4,  # as it ships, random heads answer a third each to everything
}
ARCHITECTURES = ("bert", "electra", "roberta", "xlm-roberta")
NAMES = {0: "负面", 1: "Neutral", 2: "利好"}


def make_classifier(folder: Path, architecture: str = "bert", **changes: Any) -> Path:
    """A model of `architecture` in `folder`; `changes` go to its configuration."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    settings = TrainingSettings(hidden=16, layers=1, heads=2, max_length=64)
    with quiet_transformers():
        build_base(sample_labels()["text"].tolist(), settings, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.model_max_length = 10**9  # many a model on the hub leaves this open
    names = changes.pop("id2label", NAMES)
    special: dict[str, Any] = {"pad_token_id": tokenizer.pad_token_id}
    if architecture == "electra":
        special["embedding_size"] = 24
    config = AutoConfig.for_model(
        architecture,
        **{"vocab_size": len(tokenizer), "max_position_embeddings": 66, **SIZE, **special, **changes},
        id2label=names,
        label2id={name: number for number, name in names.items()},
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForSequenceClassification.from_config(config)
    (folder / "model.safetensors").unlink()
    with quiet_transformers():
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
