"""What the page of the panic index is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..core import Bars, DataError, PanicIndex, Texts
from ..core.errors import near_names
from ..core.notes import Said
from ..core.panic import ALL, DIVERGENCE, INSTITUTION, MARKET, PUBLIC
from ..sentiment.index.sectors import Sectors
from ..sentiment.index.settings import PanicSettings
from .inputs import Language

if TYPE_CHECKING:
    from ..sentiment.cleaning.cleaner import CleaningReport
    from ..sentiment.study.panic_study import PanicStudy


@dataclass(frozen=True, eq=False)
class PanicPageInput:
    """Everything the page shows; it computes no index of its own.

    name, description
        Of the experiment.
    panic, settings, sectors, calendar
        The index, what it was made with, and the exchange whose sessions it has.
    texts, scores
        The texts that were counted (cleaned, as the index saw them) and `id, p_neg, p_neu, p_pos` of
        each: the page lists the most frightened of a session.  None: it lists none.
    bars
        Prices by symbol (or None); a scope that is a symbol of them shows its candles.
    benchmark
        Closes by session, `.name` its symbol (or None): drawn where a scope has no candles.
    implied
        Fear that options imply, by name: levels by session, each on the session at whose close it was
        known.  Drawn apart; nothing of it is in the index.
    classifier, facts, warnings
        Plain facts: the scorer's card, where the run comes from; and the sentences that a reader must
        meet first.
    cleaning, study
        What `clean_texts` and `panic_study` found (or None).
    language, scope, audience
        What is shown first; `audience` may be "divergence".  The reader may switch all three.
    extreme
        Panic at or above it, and at or below 100 minus it, is marked.

    Raises `DataError` for a scope, an audience or a language that is not there.
    """

    name: str
    panic: PanicIndex
    texts: Texts | None = None
    scores: pd.DataFrame = field(default_factory=pd.DataFrame)
    settings: PanicSettings = field(default_factory=PanicSettings)
    sectors: Sectors | None = None
    calendar: str = "XSHG"
    bars: Bars | None = None
    benchmark: pd.Series | None = None
    implied: Mapping[str, pd.Series] = field(default_factory=dict)
    classifier: Mapping[str, Any] = field(default_factory=dict)
    cleaning: "CleaningReport | None" = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[Said, ...] = ()
    study: "PanicStudy | None" = None
    description: str = ""
    language: Language = "en"
    scope: str = MARKET
    audience: str = ALL
    extreme: float = 90.0

    def __post_init__(self) -> None:
        if self.panic.frame.empty:
            raise DataError("the panic index has no row: there is nothing to draw")
        if self.language not in ("en", "zh"):
            raise DataError(f"language is 'en' or 'zh', received {self.language!r}")
        if not 50 < self.extreme <= 100:
            raise DataError(f"'extreme' is above 50 and at most 100, received {self.extreme}")
        check_view(self.panic, self.scope, self.audience)


def check_view(panic: PanicIndex, scope: str, audience: str) -> None:
    """Raise `DataError` where the index holds no such scope, or the scope no such audience."""
    if scope not in panic.scopes:
        raise DataError(f"no panic index for {scope!r}: {near_names(scope, panic.scopes)}")
    views = views_of(panic, scope)
    if audience not in views:
        raise DataError(f"{scope!r} has no audience {audience!r}: {near_names(audience, views)}")


def views_of(panic: PanicIndex, scope: str) -> tuple[str, ...]:
    """The audiences of a scope; "divergence" where both the public and institutions spoke."""
    known = [one for one in (ALL, PUBLIC, INSTITUTION) if one in panic.audiences]
    found = tuple(one for one in known if len(panic.one(scope, one)))
    return (*found, DIVERGENCE) if {PUBLIC, INSTITUTION} <= set(found) else found
