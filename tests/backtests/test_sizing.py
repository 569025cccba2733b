"""Targets against every choice there is, and against what a naive rounding would have done."""

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qushi.backtests.sizing import Wish, share_targets
from qushi.market import rules_for

LOTS = {"main": (100, 100), "star": (200, 1), "bse": (100, 1), "taiwan": (1000, 1000), "us": (1, 1)}
SYMBOLS = {"main": "600000.SH", "star": "688001.SH", "bse": "830001.BJ", "us": "AAPL"}
MANY = {"max_examples": 150, "deadline": None}

wishes = st.builds(
    lambda value, price, held, cost, board: Wish(
        value / price, round(price, 2), float(held), cost, *LOTS[board]
    ),
    value=st.one_of(st.just(0.0), st.floats(0, 50_000)),
    price=st.floats(0.5, 300),
    held=st.one_of(st.just(0), st.integers(0, 900)),
    cost=st.floats(0, 20),
    board=st.sampled_from(["main", "star", "bse", "us"]),
)


def value(targets, asked) -> float:
    return sum(t * w.price for t, w in zip(targets, asked, strict=True))


def error(targets, asked, share=1.0) -> float:
    return sum(abs(t - w.shares * share) * w.price for t, w in zip(targets, asked, strict=True))


def best_of_all(asked, spendable, share=1.0) -> float:
    """The least error over every way to round each wish, one by one."""
    return min(
        (
            error(choice, asked, share)
            for choice in product(*(w.beside(share) for w in asked))
            if value(choice, asked) <= spendable + 1e-9
        ),
        default=float("nan"),
    )


@given(asked=st.lists(wishes, min_size=1, max_size=7), more=st.floats(0, 1.3))
@settings(**MANY)
def test_targets_with_money_to_spare_have_the_least_error_of_all_choices(asked, more) -> None:
    costs = sum(w.cost for w in asked)
    total = sum(w.shares * w.price for w in asked)
    spendable = total + more * max(w.price * 100 for w in asked)
    targets = share_targets(asked, spendable + costs)
    assert value(targets, asked) <= spendable + 1e-6
    assert error(targets, asked) == pytest.approx(best_of_all(asked, spendable), abs=0.02)


@given(asked=st.lists(wishes, min_size=2, max_size=7))
@settings(**MANY)
def test_targets_of_all_the_money_leave_room_for_every_cost(asked) -> None:
    costs = sum(w.cost for w in asked)
    total = sum(w.shares * w.price for w in asked)
    assume(total > costs)
    targets = share_targets(asked, total)  # all in: what is wanted is what there is
    assert value(targets, asked) <= total - costs + 1e-6
    share = (total - costs) / total
    assert error(targets, asked, share) == pytest.approx(
        best_of_all(asked, total - costs, share), abs=0.02
    )


@given(asked=st.lists(wishes, min_size=1, max_size=12), money=st.floats(0, 400_000))
@settings(**MANY)
def test_targets_are_never_worse_than_rounding_down_and_zero_stays_zero(asked, money) -> None:
    total = sum(w.shares * w.price for w in asked)
    spendable = money - sum(w.cost for w in asked)
    assume(not spendable < total <= money * (1 + 1e-9))
    targets = share_targets(asked, money)
    down = [w.beside()[0] for w in asked]
    assert error(targets, asked) <= error(down, asked) + 1e-6
    assert value(targets, asked) <= max(spendable, value(down, asked)) + 1e-6
    assert all(t == 0 for t, w in zip(targets, asked, strict=True) if w.shares == 0)


@given(
    board=st.sampled_from(sorted(SYMBOLS)),
    wanted=st.integers(0, 15_000).map(lambda tenths: tenths / 10),
    held=st.integers(0, 1200),
)
@settings(**MANY)
def test_holdings_beside_a_wish_are_the_nearest_that_one_legal_order_reaches(
    board, wanted, held
) -> None:
    symbol = SYMBOLS[board]
    rules = rules_for("XNYS" if board == "us" else "XSHG")

    def legal(target: int) -> bool:
        side, quantity = ("buy", target - held) if target > held else ("sell", held - target)
        return rules.legal_quantity(symbol, "2024-01-02", side, quantity, held) == quantity

    below, above = Wish(wanted, 1.0, held, 0.0, *LOTS[board]).beside()
    legals = [target for target in range(3000) if legal(target)]
    assert below == max(t for t in legals if t <= wanted + 1e-6)
    assert above == min(t for t in legals if t >= wanted - 1e-6)


def test_targets_round_to_the_nearer_lot_where_the_money_is_there() -> None:
    asked = [Wish(160, 10.0, least=100, step=100), Wish(140, 10.0, least=100, step=100)]
    assert share_targets(asked, 10_000.0) == [200, 100]


def test_targets_where_money_is_short_round_up_what_gains_most() -> None:
    # 1,000 left after rounding down: the better rate (420 for 500) would shut out the 800 for 1,000.
    asked = [Wish(190, 10.0, least=100, step=100), Wish(192, 5.0, least=100, step=100)]
    assert share_targets(asked, 2_500.0) == [200, 100]


def test_targets_of_an_unpaid_dividend_are_made_smaller_alike() -> None:
    asked = [Wish(500, 10.0), Wish(250, 20.0)]  # any fraction: 10,000 wanted, 9,000 in hand
    assert share_targets(asked, 9_000.0, unpaid=1_000.0) == pytest.approx([450, 225])


def test_targets_beyond_the_money_are_left_for_the_broker_to_refuse() -> None:
    asked = [Wish(590, 10.0, least=100, step=100), Wish(990, 10.0, least=100, step=100)]
    assert share_targets(asked, 8_000.0) == [500, 900]


def test_targets_keep_or_sell_an_odd_remainder_whole() -> None:
    held = 1530.0  # after a bonus
    keeping = Wish(1220, 10.0, held, 0.0, 100, 100)
    assert keeping.beside() == (1200, 1230)
    assert Wish(1290, 10.0, held, 0.0, 100, 100).beside() == (1230, 1300)
    assert share_targets([Wish(0.0, 10.0, held, 0.0, 100, 100)], 15_300.0) == [0]


def test_targets_of_no_wishes_are_none() -> None:
    assert share_targets([], 1_000.0) == []


def test_targets_of_many_wishes_equal_an_integer_programme() -> None:
    from scipy.optimize import Bounds, LinearConstraint, milp

    random = np.random.default_rng(7)
    for many in (20, 60, 150):
        price = np.round(np.exp(random.normal(2.5, 1, many)), 2)
        money = float(random.choice([2e5, 1e6, 1e7]))
        asked = [Wish(money / many / p, p, 0.0, 0.0, 100, 100) for p in price]
        targets = share_targets(asked, money)
        below, above = np.array([w.beside() for w in asked]).T
        exact = np.array([w.shares for w in asked])
        gain = ((exact - below) - (above - exact)) * price
        found = milp(
            -gain,
            integrality=np.ones(many),
            bounds=Bounds(0, (gain > 0).astype(float)),
            constraints=LinearConstraint((above - below) * price, ub=money - below @ price),
            options={"mip_rel_gap": 0.0},
        )
        least = error(below, asked) + found.fun
        assert value(targets, asked) <= money + 1e-6
        assert error(targets, asked) == pytest.approx(least, abs=0.05)
