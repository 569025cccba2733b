"""Sentences that a reader meets in either language."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Said:
    """One thing said in English and in Chinese.

    >>> Said("{n} sessions", "{n} 个交易日").fill(n=243).zh
    '243 个交易日'
    """

    en: str
    zh: str

    def fill(self, **values: object) -> "Said":
        """Both languages with the placeholders filled in."""
        return Said(self.en.format(**values), self.zh.format(**values))
