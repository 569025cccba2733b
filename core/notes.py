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
        """Both languages with the placeholders filled in; a `Said` among the values is said in each."""
        en = {k: v.en if isinstance(v, Said) else v for k, v in values.items()}
        zh = {k: v.zh if isinstance(v, Said) else v for k, v in values.items()}
        return Said(self.en.format(**en), self.zh.format(**zh))
