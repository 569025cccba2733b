"""Parcels against shares that are counted one by one."""

from decimal import ROUND_HALF_UP, Decimal

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qushi.backtests.holdings import Holding, Parcel, dividend_tax, money
from qushi.market import rules_for

DAY = pd.Timestamp("2024-01-02")


def days(n: int) -> pd.Timestamp:
    return DAY + pd.Timedelta(days=n)


moves = st.lists(
    st.tuples(st.sampled_from(["buy", "sell", "earn"]), st.integers(1, 9)), min_size=1, max_size=25
)


@given(moves)
def test_oldest_shares_go_first_and_carry_their_own_dividends(moves) -> None:
    holding, singles = Holding(), []  # a share is (day bought, [dividends])
    for n, (kind, size) in enumerate(moves):
        if kind == "buy":
            holding.add(Parcel(days(n), n, float(size)))
            singles += [(n, []) for _ in range(size)]
        elif kind == "earn":
            holding.earn(days(n), size / 10)
            for _, dividends in singles:
                dividends.append((n, size / 10))
        elif size <= len(singles):
            sold, singles = singles[:size], singles[size:]
            told = [
                (p.bought, ex, cash)
                for p in holding.oldest(size)
                for ex, cash in p.dividends * int(p.shares)
            ]
            naive = [(days(at), days(ex), cash) for at, dividends in sold for ex, cash in dividends]
            assert sorted(told) == sorted(naive)
            holding.take(size)
        assert holding.shares == len(singles) == sum(p.shares for p in holding.parcels)
        for since in range(n + 2):
            assert holding.unsettled(since) == sum(at >= since for at, _ in singles)


def test_holding_without_its_last_dust_is_empty() -> None:
    holding = Holding()
    for part in (0.1, 0.2):
        holding.add(Parcel(DAY, 0, part))
    holding.take(0.3)
    assert holding.parcels == []
    assert holding.shares == 0


def test_restated_shares_owe_the_same_tax_in_all() -> None:
    holding = Holding()
    holding.add(Parcel(DAY, 0, 1000.0))
    holding.earn(days(1), 0.5)
    holding.restate(100.0)
    assert holding.shares == 100
    (parcel,) = holding.parcels
    assert parcel.shares * parcel.dividends[0][1] == pytest.approx(500)


@pytest.mark.parametrize(("held", "tax"), [(20, 100.0), (200, 50.0), (400, 0.0)])
def test_tax_on_a_dividend_hangs_on_how_long_the_share_was_held(held: int, tax: float) -> None:
    rules = rules_for("XSHG")
    sold = [Parcel(DAY, 0, 1000.0, ((days(5), 0.5),))]
    assert (
        dividend_tax(
            sold, days(held), lambda ex, at, end: rules.dividend_tax_rate("600000.SH", ex, at, end)
        )
        == tax
    )


def test_tax_of_several_parcels_is_rounded_once_and_half_up() -> None:
    sold = [Parcel(DAY, 0, 1.0, ((DAY, 0.0125), (DAY, 0.0125)))] * 1
    assert dividend_tax(sold, DAY, lambda *_: 0.2) == 0.01  # 0.005, not 2 x round(0.0025)


@given(st.integers(1, 10**6), st.integers(0, 10**5))
def test_money_is_the_exact_product_rounded_half_up(shares: int, thousandths: int) -> None:
    exact = Decimal(shares) * Decimal(thousandths) / 1000
    assert money(shares, thousandths / 1000) == float(exact.quantize(Decimal("0.01"), ROUND_HALF_UP))


def test_money_half_a_cent_hidden_in_the_last_digits_of_a_float_is_rounded_up() -> None:
    # 416.005 / 10.66 shares, as a float has them, to the digits that count
    assert Decimal("39.024859287054") * Decimal("10.66") < Decimal("416.005")
    assert money(39.02485928705441, 10.66) == 416.01
