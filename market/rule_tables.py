"""The dated rules of the markets, as data: each row holds from its date until the next row's.

Where a rule is older than its first row, the first row's own date says since when it is known here.
Sources: notices of the Ministry of Finance and the State Taxation Administration (stamp duty), of
ChinaClear (transfer fee), trading rules of the exchanges (lots), SEC fee-rate advisories and FINRA
By-Laws, Schedule A (US), Taiwan's Securities Transaction Tax Act.  "Second hand" marks a figure that
was not read in the notice itself.
"""

from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol, TypeVar

from .instruments import Board

Sides = Literal["sell", "both", "none"]


class Dated(Protocol):
    """A row with the day from which it holds."""

    @property
    def since(self) -> date:
        """First session of the rule."""
        ...


D = TypeVar("D", bound=Dated)


@dataclass(frozen=True)
class Levy:
    """A share of the traded amount, written as decimal text so that no rate is rounded."""

    since: date
    rate: str
    sides: Sides
    source: str


@dataclass(frozen=True)
class ShareFee:
    """A fee a share sold, with a cap an order."""

    since: date
    per_share: str
    cap: str
    source: str


@dataclass(frozen=True)
class LotRule:
    """Buy at least `least`, then in multiples of `step`."""

    since: date
    least: int
    step: int
    source: str


@dataclass(frozen=True)
class LimitWidth:
    """How far a price may move from the previous close in one session, as a fraction."""

    since: date
    width: float
    source: str


def in_force(table: tuple[D, ...], day: date) -> D | None:
    """The row that holds on a day; None before the first."""
    found = None
    for row in table:
        if row.since <= day:
            found = row
    return found


CN_STAMP_DUTY: tuple[Levy, ...] = (
    Levy(date(2001, 11, 16), "0.002", "both", "Ministry of Finance: 0.2 %, both sides (second hand)"),
    Levy(date(2005, 1, 24), "0.001", "both", "Ministry of Finance, 2005 No. 11 (second hand)"),
    Levy(date(2007, 5, 30), "0.003", "both", "Ministry of Finance, 2007 No. 84 (second hand)"),
    Levy(date(2008, 4, 24), "0.001", "both", "Ministry of Finance, notice of 2008-04-23 (second hand)"),
    Levy(date(2008, 9, 19), "0.001", "sell", "Ministry of Finance, notice of 2008-09-18: seller only"),
    Levy(date(2023, 8, 28), "0.0005", "sell", "Ministry of Finance, 2023 No. 39: halved"),
)
"""Shares only: funds, bonds and indices are exempt."""

CN_TRANSFER_FEE: tuple[Levy, ...] = (
    Levy(date(2015, 8, 1), "0.00002", "both", "ChinaClear, 2015: 0.002 % of the amount, both markets"),
    Levy(date(2022, 4, 29), "0.00001", "both", "ChinaClear, 2022: halved"),
)
"""Shares only.  Before 2015-08 the fee was by face value and in Shanghai alone; it is not modelled."""

US_SEC_FEE: tuple[Levy, ...] = (
    Levy(date(2014, 3, 18), "0.0000221", "sell", "FINRA Information Notice 2014-03-03"),
    Levy(date(2016, 2, 16), "0.0000218", "sell", "FINRA Information Notice 2016-03-15"),
    Levy(date(2017, 7, 4), "0.0000231", "sell", "SEC fee rate advisory, fiscal 2017 (second hand)"),
    Levy(date(2018, 5, 22), "0.000013", "sell", "FINRA Information Notice 2018-05-07"),
    Levy(date(2019, 4, 16), "0.0000207", "sell", "SEC fee rate advisory, fiscal 2019 (second hand)"),
    Levy(date(2020, 2, 18), "0.0000221", "sell", "SEC fee rate advisory, fiscal 2020 (second hand)"),
    Levy(date(2021, 2, 25), "0.0000051", "sell", "SEC fee rate advisory, fiscal 2021"),
    Levy(date(2022, 5, 14), "0.0000229", "sell", "SEC fee rate advisory, fiscal 2022 (second hand)"),
    Levy(date(2023, 2, 27), "0.000008", "sell", "SEC fee rate advisory, fiscal 2023 (second hand)"),
    Levy(date(2024, 5, 22), "0.0000278", "sell", "SEC fee rate advisory, fiscal 2024 (second hand)"),
    Levy(date(2025, 5, 14), "0", "sell", "SEC fee rate advisory, 2025-04-08"),
    Levy(date(2026, 4, 4), "0.0000206", "sell", "SEC fee rate advisory, fiscal 2026 (second hand)"),
)
"""Section 31 fee on sales (the SEC states dollars a million).  Earlier years are not modelled."""

US_ACTIVITY_FEE: tuple[ShareFee, ...] = (
    ShareFee(date(2012, 7, 1), "0.000119", "5.95", "FINRA By-Laws, Schedule A, section 1 (second hand)"),
    ShareFee(date(2022, 1, 1), "0.00013", "6.49", "FINRA Regulatory Notice 20-39 (second hand)"),
    ShareFee(date(2023, 1, 1), "0.000145", "7.27", "FINRA Regulatory Notice 20-39 (second hand)"),
    ShareFee(date(2024, 1, 1), "0.000166", "8.30", "FINRA Regulatory Notice 20-39 (second hand)"),
    ShareFee(date(2026, 1, 1), "0.000195", "9.79", "FINRA By-Laws, Schedule A (second hand)"),
)

TW_SALES_TAX: tuple[Levy, ...] = (
    Levy(date(1993, 2, 1), "0.003", "sell", "Securities Transaction Tax Act, article 2"),
)
TW_FUND_SALES_TAX: tuple[Levy, ...] = (
    Levy(date(1993, 2, 1), "0.001", "sell", "Securities Transaction Tax Act, article 2"),
)

_CN_HUNDRED = (LotRule(date(1990, 12, 19), 100, 100, "trading rules: multiples of 100"),)
LOTS: dict[Board, tuple[LotRule, ...]] = {
    "main": _CN_HUNDRED,
    "chinext": _CN_HUNDRED,
    "fund": _CN_HUNDRED,
    "bond": (LotRule(date(1990, 12, 19), 10, 10, "trading rules: lots of ten bonds"),),
    "star": (LotRule(date(2019, 7, 22), 200, 1, "Shanghai: STAR trading rules, at least 200"),),
    "bse": (LotRule(date(2021, 11, 15), 100, 1, "Beijing: trading rules, at least 100"),),
    "index": (LotRule(date(1990, 12, 19), 1, 1, "an index stands for a fund on it: no lot of its own"),),
    "us": (LotRule(date(1990, 12, 3), 1, 1, "single shares"),),
    "tw": (LotRule(date(1962, 2, 9), 1000, 1000, "Taiwan: trading units of 1,000"),),
    "tw_fund": (LotRule(date(2003, 6, 30), 1000, 1000, "Taiwan: trading units of 1,000"),),
}

_CN_TEN = LimitWidth(date(1996, 12, 16), 0.10, "both exchanges, notice of 1996-12-13")
LIMIT_WIDTHS: dict[Board, tuple[LimitWidth, ...]] = {
    "main": (_CN_TEN,),
    "fund": (_CN_TEN,),
    "index": (_CN_TEN,),
    "chinext": (
        LimitWidth(date(2009, 10, 30), 0.10, "Shenzhen: ChiNext opens"),
        LimitWidth(date(2020, 8, 24), 0.20, "Shenzhen: ChiNext special rules, registration"),
    ),
    "star": (LimitWidth(date(2019, 7, 22), 0.20, "Shanghai: STAR trading rules"),),
    "bse": (LimitWidth(date(2021, 11, 15), 0.30, "Beijing: trading rules"),),
    "tw": (
        LimitWidth(date(1989, 10, 11), 0.07, "Taiwan: 7 %"),
        LimitWidth(date(2015, 6, 1), 0.10, "Taiwan: 10 %"),
    ),
    "tw_fund": (
        LimitWidth(date(1989, 10, 11), 0.07, "Taiwan: 7 %"),
        LimitWidth(date(2015, 6, 1), 0.10, "Taiwan: 10 %"),
    ),
}
"""Only the widths, for spotting impossible returns; bands with ticks, ST and listings come later."""
