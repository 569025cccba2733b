"""Finding names and codes in one text: every name in one pass, then the longest of those that hold.

What holds is settled before what is longest, so that a name of later, though longer, hides nothing: the
answer for a day is the same whether or not the table goes on after it.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

import ahocorasick

from ..identity import normalised

_CODE = re.compile(
    r"(?<![0-9a-z.=/_-])(?:(sh|sz|bj)[.:]?)?([0-9]{6})(?:\.(sh|sz|bj|ss|xshg|xshe)(?![0-9a-z]))?"
    r"(?![0-9a-z%]|\.[0-9])"
)
_UNIT = re.compile(r"\s*[股元手万亿年月户吨点人家张份次条位]")
_BLANK = re.compile(r"[^\S\n]+|[\u200b\ufeff]")
_SUFFIX = {"sh": "SH", "ss": "SH", "xshg": "SH", "sz": "SZ", "xshe": "SZ", "bj": "BJ"}
_OF_THE_BOARD = re.compile(r"-[a-z]{1,3}$")
_UNMARKED = "an ordinary word as well: beside it stands neither its code nor a mark"
_OPENINGS = "【[《#"
_TRADE = ("业", "间")  # 中国银行业, 上海银行间同业拆放: the trade, not the bank


class Entry(NamedTuple):
    """A name and the days, counted from 1970, on which it holds: in force up to `until`."""

    symbol: str
    name: str
    kind: str
    since: int
    until: int
    lapses: int


class Found(NamedTuple):
    """A name or code that a text holds; `refused` says why it does not count, "" where it does."""

    symbol: str
    words: str
    kind: str
    refused: str = ""


class NameMatcher:
    """Looks for `entries` in texts.  `ambiguous` are names that need a mark beside them."""

    def __init__(self, entries: Sequence[Entry], ambiguous: Collection[str]) -> None:
        self._codes: defaultdict[str, list[Entry]] = defaultdict(list)
        self._ambiguous = {normalised(name) for name in ambiguous}
        named: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            if entry.kind == "code":
                self._codes[entry.name].append(entry)
                continue
            for spelling in spellings(entry.name):
                named[spelling].append(entry)
            code = entry.symbol.partition(".")[0]
            if len(code) == 6 and code.isdigit():
                self._codes[code].append(entry._replace(name=code, kind="code"))
        self._named = ahocorasick.Automaton()
        for spelling, those in named.items():
            self._named.add_word(spelling, (spelling, tuple(those)))
        if named:
            self._named.make_automaton()
        self._any = bool(named)

    def look(self, text: str, day: int) -> list[Found]:
        """What the text names on a day: codes, then names in their order."""
        spaced = unicodedata.normalize("NFKC", text).casefold()
        codes = self._coded(spaced, day)
        if not self._any:
            return codes
        tight = _BLANK.sub("", spaced)
        by_code = {one.symbol for one in codes}
        found = list(codes)
        for start, end, spelling, bearers in self._longest(tight, day):
            marked = spelling not in self._ambiguous or _is_marked(tight, start, end)
            for entry in bearers:
                counts = marked or entry.symbol in by_code
                found.append(Found(entry.symbol, spelling, entry.kind, "" if counts else _UNMARKED))
        return found

    def _coded(self, spaced: str, day: int) -> list[Found]:
        found = []
        for match in _CODE.finditer(spaced):
            before, code, after = match.groups()
            exchange = before or after
            if exchange:
                found.append(Found(f"{code}.{_SUFFIX[exchange]}", match[0], "code"))
            elif code in self._codes and not _UNIT.match(spaced, match.end()):
                found += [Found(e.symbol, code, "code") for e in _bearers(self._codes[code], day)]
        return found

    def _longest(self, tight: str, day: int) -> list[tuple[int, int, str, list[Entry]]]:
        """Matches that hold on the day, from left to right, the longest at each place."""
        met = []
        for last, (spelling, entries) in self._named.iter(tight):
            bearers, end = _bearers(entries, day), last + 1
            if bearers and not (spelling.endswith("银行") and tight[end : end + 1] in _TRADE):
                met.append((end - len(spelling), end, spelling, bearers))
        met.sort(key=lambda one: (one[0], -one[1]))
        kept: list[tuple[int, int, str, list[Entry]]] = []
        for one in met:
            if not kept or one[0] >= kept[-1][1]:
                kept.append(one)
        return kept


def spellings(name: str) -> tuple[str, ...]:
    """How a name is written, normalised: as it is, and without what the exchange added.

    >>> spellings("*ST 河化"), spellings("万 科Ａ"), spellings("百济神州-U"), spellings("甲")
    (('*st河化', 'st河化'), ('万科a', '万科'), ('百济神州-u', '百济神州'), ())
    """
    whole = normalised(name)
    shorter = _OF_THE_BOARD.sub("", whole.removeprefix("*"))
    if shorter.endswith("a") and len(shorter) > 2 and not shorter[-2].isascii():
        shorter = shorter[:-1]
    return tuple(one for one in dict.fromkeys((whole, shorter)) if len(one) >= 2)


@lru_cache(maxsize=1)
def ambiguous_names() -> frozenset[str]:
    """The names of `tables/ambiguous_names.txt`."""
    table = files(__package__).joinpath("tables", "ambiguous_names.txt").read_text(encoding="utf-8")
    words = (line.partition("#")[0].strip() for line in table.splitlines())
    return frozenset(word for word in words if word)


def _bearers(entries: Sequence[Entry], day: int) -> list[Entry]:
    """Whose name it is on the day: of those in force, else of those that bore it last."""
    held = [entry for entry in entries if entry.since <= day <= entry.lapses]
    in_force = [entry for entry in held if day <= entry.until]
    if not in_force and held:
        latest = max(entry.until for entry in held)
        in_force = [entry for entry in held if entry.until == latest]
    return list({entry.symbol: entry for entry in in_force}.values())


def _is_marked(tight: str, start: int, end: int) -> bool:
    before = tight[start - 1 : start] if start else "\n"
    if before == "$":
        return tight[end : end + 1] in ("$", "(")
    while start and tight[start - 1] in _OPENINGS:
        start -= 1
    begins = start == 0 or tight[start - 1] == "\n"
    return begins and tight[end : end + 1] == ":"
