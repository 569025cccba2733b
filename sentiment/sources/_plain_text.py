"""What a person reads of a piece of HTML: no tags, no scripts, one line a paragraph."""

import html
import re
from html.parser import HTMLParser

_BLANKS = re.compile(r"[ \t\r\f\v\u00a0\u3000]+")
_LINES = re.compile(r" ?\n[ \n]*")
_MARKED = re.compile(r"<[a-zA-Z/!]|&[a-zA-Z#]")
_BREAKING = frozenset(("br", "div", "h1", "h2", "h3", "h4", "li", "p", "table", "td", "tr"))
_UNREAD = frozenset(("script", "style"))


def plain_text(text: str) -> str:
    r"""The words of a text that may hold HTML.

    >>> plain_text("<p>沪指<b>跌</b>2%</p><p>A&amp;B</p><script>x()</script>")
    '沪指跌2%\nA&B'
    """
    if _MARKED.search(text):
        reader = _Reader()
        reader.feed(text)
        reader.close()
        text = "".join(reader.words)
    return _LINES.sub("\n", _BLANKS.sub(" ", text)).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.words: list[str] = []
        self._unread = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unread += tag in _UNREAD
        if tag in _BREAKING:
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._unread -= tag in _UNREAD and self._unread > 0
        if tag in _BREAKING:
            self.words.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unread:
            self.words.append(data)

    def handle_entityref(self, name: str) -> None:
        self.words.append(html.unescape(f"&{name};"))

    def handle_charref(self, name: str) -> None:
        self.words.append(html.unescape(f"&#{name};"))
