"""A small BERT and its tokenizer, made from the training texts where no pre-trained model is at hand.

The tokenizer's pieces are learned from the training texts alone (a fitted thing with a fit window like
any other).  Both are saved in the layout of any model folder, so that from here on a model built here
and one from the hub take the same path.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .fitting import TrainingSettings

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def build_base(texts: Sequence[str], settings: "TrainingSettings", folder: Path) -> None:
    """Write an untrained BERT of `settings`' size and a tokenizer learned from `texts` to `folder`."""
    from transformers import BertConfig, BertModel

    pieces = _build_tokenizer(texts, settings, folder)
    config = BertConfig(
        vocab_size=pieces,
        hidden_size=settings.hidden,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        intermediate_size=4 * settings.hidden,
        max_position_embeddings=settings.max_length,
        hidden_dropout_prob=settings.dropout,
        attention_probs_dropout_prob=settings.dropout,
        pad_token_id=0,
    )
    BertModel(config).save_pretrained(folder)


def _build_tokenizer(texts: Sequence[str], settings: "TrainingSettings", folder: Path) -> int:
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    unknown = "[UNK]"
    normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    # Chinese has no blanks: every character is a word, so that pieces never depend on a segmenter.
    words = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Split(Regex(r"\p{Han}"), "isolated")]
    )
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(word for word, _ in words.pre_tokenize_str(normalizer.normalize_str(text)))
    vocabulary = _vocabulary(counts, settings.vocabulary)
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=unknown))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = words
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")],
    )
    wrapped: Any = PreTrainedTokenizerFast
    wrapped(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",  # noqa: S106  the name of a token, no secret
        unk_token=unknown,
        cls_token="[CLS]",  # noqa: S106
        sep_token="[SEP]",  # noqa: S106
        mask_token="[MASK]",  # noqa: S106
        model_max_length=settings.max_length,
    ).save_pretrained(folder)
    return int(tokenizer.get_vocab_size())


def _vocabulary(words: Mapping[str, int], size: int) -> dict[str, int]:
    """Pieces by id: the special ones, then words and single characters by frequency, twice at least.

    The trainers of `tokenizers` break ties by the order of a hash table, differently at every call:
    the same texts and seed would give another model.
    """
    counts: Counter[str] = Counter()
    for word, count in words.items():
        pieces = {word, word[0], *("##" + letter for letter in word[1:])}
        counts.update(dict.fromkeys(pieces, count))
    frequent = sorted((-count, piece) for piece, count in counts.items() if count >= 2)
    ordered = [*_SPECIAL, *(piece for _, piece in frequent[: size - len(_SPECIAL)])]
    return {piece: number for number, piece in enumerate(ordered)}
