"""What is no opinion: advertising, templates that fill a forum, texts without words.

Each rule can be read and argued with; nothing here is learned.

*Advertising* is a sum of weights: `tables/advertising.csv` lists patterns with a weight and the reason
of each (a contact 3, an invitation 2, a habit of advertisers 1), matched on the text without blanks,
case and width, because advertisers write "加 Ｑ Ｑ 群".  Every rule counts once; from `advertising`
points on the text is advertising.  One weak sign alone never is.

*Templates*: the shape of a text is what is left when numbers, codes and the names of shares are struck
out.  A shape that has stood under more than `template_symbols` symbols in this session, or more than
`template_posts` times under one, is a bot's or a campaign's from then on.  The first ones pass: at their
time nobody could know.  There is no author to count by.

*Empty*: no letter, digit or Chinese character beside codes and placeholders of pictures.  A forum's
"[大哭]" is a word, and stays.
"""

import csv
import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from ...core import ConfigError
from .near_duplicates import hash_words

_CODE = (
    r"\$[^$\n]{1,24}\$|(?<![0-9a-z])(?:sh|sz|bj)[.:]?[0-9]{6}(?![0-9a-z])"
    r"|(?<![0-9a-z])(?:(?:00[0-3]|30[01]|60[0135]|68[89])[0-9]{3}|(?:4[03]|8[37]|92)[0-9]{4})"
    r"(?:\.(?:sh|sz|bj|ss))?(?![0-9a-z])"
)
_CODES = re.compile(_CODE)
_PLACEHOLDER = re.compile(r"\[(?:图片|图|img|image|视频|动画表情)\]|查看(?:图片|原图)|网页链接")
_WORD = re.compile(r"[^\W_]")
_VARYING = re.compile(rf"{_CODE}|[0-9][0-9.,:%/-]*")
_BREAK = re.compile(r"[^\w#]+")
_STRUCK = re.compile(r"#+")


@dataclass(frozen=True)
class Rule:
    """A sign of advertising: its weight, its pattern on normalised text, and why it is one."""

    weight: float
    pattern: re.Pattern[str]
    why: str


@lru_cache(maxsize=1)
def advertising_rules() -> tuple[Rule, ...]:
    """The rules of `tables/advertising.csv`, in its order."""
    table = files(__package__).joinpath("tables", "advertising.csv").read_text(encoding="utf-8")
    return tuple(
        Rule(float(row["weight"]), re.compile(row["pattern"]), row["why"])
        for row in csv.DictReader(table.splitlines())
    )


def advertising_signs(words: str) -> tuple[Rule, ...]:
    """The rules that a text meets; `words` is normalised (`identity.normalised`).

    >>> sum(rule.weight for rule in advertising_signs("免费荐股,加qq群123456789"))
    11.0
    """
    return tuple(rule for rule in advertising_rules() if rule.pattern.search(words))


def is_empty(words: str) -> bool:
    """Whether a normalised text says nothing: only signs, emoji, codes, placeholders of pictures.

    >>> is_empty("600362"), is_empty("[图片]。。。"), is_empty("跌停"), is_empty("[大哭]")
    (True, True, False, False)
    """
    return _WORD.search(_PLACEHOLDER.sub("", _CODES.sub("", words))) is None


def shape_of(words: str, names: tuple[str, ...] = ()) -> str:
    """A normalised text without what a bot fills in: numbers, codes, and `names` (normalised).

    >>> shape_of("平安银行(000001)今日涨3.2%!", ("平安银行",))
    '#今日涨#'
    """
    for name in sorted(names, key=len, reverse=True):
        words = words.replace(name, "#")
    return _STRUCK.sub("#", _BREAK.sub("", _VARYING.sub("#", words)))


class Templates:
    """Counts the shapes of one session; forgets them when the next begins.

    symbols, posts
        A shape is a template beyond so many symbols, or so many posts under one symbol.
    shortest
        Shapes of fewer characters are never templates: many people write "明天涨停".
    """

    def __init__(self, symbols: int, posts: int, shortest: int) -> None:
        if min(symbols, posts) < 1:
            raise ConfigError(f"a template takes 1 symbol and 1 post at least, not {symbols}, {posts}")
        self._symbols, self._posts, self._shortest = symbols, posts, shortest
        self._session: object = None
        self._under: Counter[int] = Counter()  # symbols by shape; hashes, as a session may be long
        self._posted: Counter[tuple[int, str]] = Counter()

    def is_template(self, shape: str, symbol: str, session: object, *, counts: bool = True) -> bool:
        """Whether the shape, this text included, has been seen too often in its session.

        Texts come in order of time.  With `counts=False` (a later version) the text is not counted.
        """
        if session != self._session:
            self._session = session
            self._under.clear()
            self._posted.clear()
        if len(shape) < self._shortest:
            return False
        key = hash_words(shape)
        if counts:
            self._under[key] += (key, symbol) not in self._posted
            self._posted[key, symbol] += 1
        return self._under[key] > self._symbols or self._posted[key, symbol] > self._posts
