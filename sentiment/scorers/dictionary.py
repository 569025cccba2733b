"""Word lists as a scorer: transparent, fast, and what a trained model has to beat.

A text is read from left to right; at each character the longest listed word that begins there counts
and is stepped over.  The first word after a negation (`dictionaries/negations.txt`: 不, 没, 未, 无) is
turned round where an odd number of them ends within `REACH` characters before it in the same clause;
未来, 不断, 无论 and their like (`no_negations.txt`) are no negations.
With n negative and p positive words the probabilities are

    p_neg = (n + 1/2) / T,   p_pos = (p + 1/2) / T,   p_neu = (m + 1) / T,   T = n + p + m + 2

with m = min(n, p): a Dirichlet posterior mean with half a word of prior for either side and one for
neutral, in which opposite words speak for neutral by pairs.  No word gives (1/4, 1/2, 1/4), as many of
both stays neutral.
The lists are those of Jiang et al. (2021) and Yao et al. (2021); see `dictionaries/README.md`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...core import ConfigError
from ...core.errors import near_names
from ...core.hashing import hash_json
from .scoring import Part, Scorer

FOLDER = Path(__file__).parent / "dictionaries"
REACH = 3
"""Characters that may stand between a negation and the word that it turns round."""

_EDITIONS: Mapping[str, tuple[str, ...]] = {
    "all": ("jiang_2021", "yao_2021_formal", "yao_2021_informal"),
    "jiang": ("jiang_2021",),
    "yao": ("yao_2021_formal", "yao_2021_informal"),
    "yao_formal": ("yao_2021_formal",),
    "yao_informal": ("yao_2021_informal",),
}
_PUBLISHED = "2021-12-31T15:59:59+00:00"  # the end of 2021 in Shanghai: both papers are of that year
_FORMULA = 1  # raise when the reading or the formula changes: stored scores must then not be taken
_NEGATION, _NOTHING = 2, 0
_CLAUSE_ENDS = re.compile(r"[\s，。！？；：、,.!?;:…~～/|()（）“”\"]")


@dataclass(frozen=True, eq=False)
class DictionaryScorer(Scorer):
    """Counts negative and positive words; make one with `DictionaryScorer.load`.

    >>> scorer = DictionaryScorer.load()
    >>> scorer.probabilities(["股价暴跌，亏损严重", "业绩没有下滑"]).argmax(axis=1).tolist()
    [0, 2]
    """

    words: Mapping[str, int]
    fingerprint: str
    facts: Mapping[str, Any]
    lengths: Mapping[str, tuple[int, ...]] = field(repr=False)
    """The lengths of the words that begin with a character, longest first."""

    @classmethod
    def load(cls, name: str = "") -> "DictionaryScorer":
        """The word lists `yao` (the default), `yao_formal`, `yao_informal`, `jiang` or `all`."""
        edition = name or "yao"
        if edition not in _EDITIONS:
            raise ConfigError(f"there is no dictionary {edition!r}: {near_names(edition, _EDITIONS)}")
        negative, positive = _lists(edition)
        return cls.from_words(negative, positive, f"dictionary:{edition}", _PUBLISHED)

    @classmethod
    def from_words(
        cls,
        negative: Sequence[str],
        positive: Sequence[str],
        name: str = "dictionary",
        knowledge_cutoff: str | None = None,
    ) -> "DictionaryScorer":
        """A scorer of your own lists; words in both count for neither.

        `knowledge_cutoff`: up to when the words may have been chosen by what was known (ISO), None
        where that is not known.  Raises `ConfigError` where either list is empty.
        """
        lists = {word.strip() for word in negative}, {word.strip() for word in positive}
        down, up = (words - {""} for words in (lists[0] - lists[1], lists[1] - lists[0]))
        if not down or not up:
            raise ConfigError("a dictionary needs at least one negative and one positive word")
        words = {
            **dict.fromkeys(_read("negations"), _NEGATION),
            **dict.fromkeys(_read("no_negations"), _NOTHING),
            **dict.fromkeys(down, -1),
            **dict.fromkeys(up, 1),
        }
        mark = hash_json([_FORMULA, REACH, sorted(words.items())])
        facts = {
            "kind": "dictionary",
            "name": name,
            "fingerprint": mark,
            "knowledge_cutoff": knowledge_cutoff,
            "negative_words": len(down),
            "positive_words": len(up),
        }
        return cls(words, mark, facts, _lengths(words))

    def explain(self, text: str) -> pd.DataFrame:
        """The words found, in order: `word`, `at` (position), `value` (-1 or 1), `negated`.

        `value` is what counts, so already turned round where `negated`.
        """
        found = [
            (text[at : at + size], at, -value if turned else value, turned)
            for at, size, value, turned in self._found(text)
        ]
        return pd.DataFrame(found, columns=["word", "at", "value", "negated"])

    def _compute(self, contents: Sequence[str], batch_size: int) -> Iterator[Part]:
        step = 16 * batch_size
        for begin in range(0, len(contents), step):
            part = contents[begin : begin + step]
            counts = np.array([self._counts(text) for text in part], dtype=np.float64)
            down, up = counts[:, 0], counts[:, 1]
            pairs = np.minimum(down, up)
            raw = np.column_stack([down + 0.5, pairs + 1.0, up + 0.5])
            rows = np.arange(begin, begin + len(part), dtype=np.intp)
            yield rows, raw / raw.sum(axis=1, keepdims=True)

    def _counts(self, text: str) -> tuple[int, int]:
        down = up = 0
        for _, _, value, turned in self._found(text):
            if (value > 0) != turned:
                up += 1
            else:
                down += 1
        return down, up

    def _found(self, text: str) -> Iterator[tuple[int, int, int, bool]]:
        """(position, length, value before turning, turned) of each counted word."""
        words, lengths = self.words, self.lengths
        negations: list[int] = []  # where those end that no clause end has cut off
        at, end = 0, len(text)
        while at < end:
            for size in lengths.get(text[at], ()):
                value = words.get(text[at : at + size])
                if value is None:
                    continue
                if value == _NEGATION:
                    negations.append(at + size)
                elif value != _NOTHING:
                    turned = bool(negations) and self._turned(text, at, negations)
                    yield at, size, value, turned
                    negations.clear()
                at += size
                break
            else:
                at += 1

    @staticmethod
    def _turned(text: str, at: int, negations: Sequence[int]) -> bool:
        near = [end for end in negations if at - end <= REACH and not _CLAUSE_ENDS.search(text, end, at)]
        return len(near) % 2 == 1


def _lengths(words: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    sizes: dict[str, set[int]] = {}
    for word in words:
        sizes.setdefault(word[0], set()).add(len(word))
    return {letter: tuple(sorted(found, reverse=True)) for letter, found in sizes.items()}


@cache
def _lists(edition: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Negative and positive words of all lists of an edition."""
    negative, positive = (
        tuple(word for name in _EDITIONS[edition] for word in _read(f"{name}.{side}"))
        for side in ("neg", "pos")
    )
    return negative, positive


def _read(name: str) -> list[str]:
    return (FOLDER / f"{name}.txt").read_text(encoding="utf-8").split()
