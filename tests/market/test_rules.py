"""Lots, settlement, costs and taxes, against worked examples and a second computation."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qushi.core import ConfigError, DataError
from qushi.market import rules_for

CN, US, TW = rules_for("XSHG"), rules_for("XNYS"), rules_for("XTAI")


@pytest.mark.parametrize(
    ("side", "session", "quantity", "price", "total"),
    [
        ("sell", "2023-08-25", 10_000, 12.34, 155.48),
        ("sell", "2023-08-28", 10_000, 12.34, 93.78),
        ("buy", "2022-04-28", 20_000, 15.00, 81.00),
        ("buy", "2022-04-29", 20_000, 15.00, 78.00),
        ("buy", "2024-01-02", 100, 10.00, 5.01),
    ],
)
def test_costs_worked_examples_of_the_mainland(side, session, quantity, price, total):
    assert CN.costs("600519.SH", session, side, quantity, price).total == total
    assert CN.costs("000001.SZ", session, side, quantity, price).total == total


def half_up(amount: Fraction) -> float:
    """A second way: whole cents by integer division."""
    cents = (amount * 100 + Fraction(1, 2)) // 1
    return float(Fraction(cents, 100))


@given(
    quantity=st.integers(1, 10_000).map(lambda n: n * 100),
    cents=st.integers(1, 300_000),
    side=st.sampled_from(["buy", "sell"]),
)
def test_costs_each_part_is_rounded_half_up(quantity, cents, side):
    amount = Fraction(quantity * cents, 100)
    costs = CN.costs("600519.SH", "2024-01-02", side, quantity, cents / 100)
    assert costs.commission == half_up(max(amount * Fraction(25, 100_000), Fraction(5)))
    assert costs.stamp_duty == (half_up(amount * Fraction(5, 10_000)) if side == "sell" else 0)
    assert costs.transfer_fee == half_up(amount * Fraction(1, 100_000))
    parts = [costs.commission, costs.stamp_duty, costs.transfer_fee]
    assert Decimal(str(costs.total)) == sum(Decimal(str(p)) for p in parts)


def test_costs_half_a_cent_goes_up_where_floats_go_down():
    wrong = 0
    for cents in range(1010, 3000, 20):  # 0.05 % of a hundred shares ends on half a cent
        right = half_up(Fraction(cents * 100, 100) * Fraction(5, 10_000))
        wrong += round(100 * (cents / 100) * 0.0005, 2) != right
        assert CN.costs("600519.SH", "2024-01-02", "sell", 100, cents / 100).stamp_duty == right
    assert wrong > 10


def test_costs_dust_of_a_fractional_holding_decides_no_cent():
    rules = rules_for("XTAI")
    for dust in (-(2**-44), 0.0, 2**-44):  # what sums of shares leave in the last digits
        costs = rules.costs("2102.TW", "2024-01-02", "sell", 8.5 + dust, 1370.0)
        assert costs.stamp_duty == 34.94  # 0.3 % of 11,645 is 34.935


@pytest.mark.parametrize(
    ("session", "bought", "sold"),
    [
        ("2006-01-09", 100.0, 100.0),
        ("2007-05-29", 100.0, 100.0),
        ("2007-05-30", 300.0, 300.0),
        ("2008-04-24", 100.0, 100.0),
        ("2008-09-19", 0.0, 100.0),
        ("2023-08-28", 0.0, 50.0),
    ],
)
def test_costs_stamp_duty_is_the_one_of_the_day(session, bought, sold):
    assert CN.costs("600036.SH", session, "buy", 10_000, 10.0).stamp_duty == bought
    assert CN.costs("600036.SH", session, "sell", 10_000, 10.0).stamp_duty == sold


@pytest.mark.parametrize("symbol", ["510300.SH", "159915.SZ", "000300.SH"])
def test_costs_funds_and_indices_pay_commission_only(symbol):
    costs = CN.costs(symbol, "2024-01-02", "sell", 10_000, 4.0)
    assert (costs.commission, costs.stamp_duty, costs.transfer_fee) == (10.0, 0.0, 0.0)


def test_costs_commission_is_the_users():
    rules = rules_for("XSHG", commission=0.001, commission_minimum=0.1)
    assert rules.costs("600519.SH", "2024-01-02", "buy", 100, 10.0).commission == 1.0
    assert rules.costs("600519.SH", "2024-01-02", "buy", 100, 0.5).commission == 0.1


def test_costs_us_sale_pays_the_sec_and_finra_by_date():
    def sale(session, quantity=10_000, price=100.0):
        return US.costs("AAPL", session, "sell", quantity, price)

    assert sale("2025-05-13").stamp_duty == 27.80  # a million dollars
    assert sale("2025-05-14").stamp_duty == 0.0
    assert sale("2026-04-06").stamp_duty == 20.60
    assert sale("2025-05-14").transfer_fee == 1.66
    assert sale("2026-01-02").transfer_fee == 1.95
    assert sale("2025-05-14", 1_000_000, 1.0).transfer_fee == 8.30  # the cap
    assert US.costs("AAPL", "2025-05-13", "buy", 10_000, 100.0).total == 0.0


def test_costs_taiwan_tax_and_commission():
    share = TW.costs("2330.TW", "2024-01-02", "sell", 1000, 500.0)
    assert (share.commission, share.stamp_duty) == (712.5, 1500.0)
    fund = TW.costs("0050.TW", "2024-01-02", "sell", 1000, 100.0)
    assert (fund.commission, fund.stamp_duty) == (142.5, 100.0)
    assert TW.costs("2330.TW", "2024-01-02", "buy", 1000, 10.0).commission == 20.0


def test_costs_nothing_filled_costs_nothing():
    assert CN.costs("600519.SH", "2024-01-02", "buy", 0, 10.0).total == 0.0


@pytest.mark.parametrize(("quantity", "price"), [(-100, 10.0), (100, 0.0), (100, float("nan"))])
def test_costs_impossible_fill_is_refused(quantity, price):
    with pytest.raises(DataError, match=r"600519\.SH"):
        CN.costs("600519.SH", "2024-01-02", "buy", quantity, price)


@pytest.mark.parametrize(
    ("rules", "symbol", "wanted", "expected"),
    [
        (CN, "600519.SH", 299, 200),
        (CN, "600519.SH", 99, 0),
        (CN, "600519.SH", 99.9999999, 100),  # the dust of a float
        (CN, "300750.SZ", 150, 100),
        (CN, "688981.SH", 199, 0),
        (CN, "688981.SH", 201, 201),
        (CN, "920002.BJ", 99, 0),
        (CN, "920002.BJ", 101, 101),
        (CN, "510300.SH", 250, 200),
        (CN, "000300.SH", 2.7, 2),
        (US, "AAPL", 2.7, 2),
        (TW, "2330.TW", 2999, 2000),
    ],
)
def test_legal_quantity_buy_is_rounded_down_to_the_boards_lot(rules, symbol, wanted, expected):
    assert rules.legal_quantity(symbol, "2024-01-02", "buy", wanted, 0) == expected


@pytest.mark.parametrize(
    ("symbol", "wanted", "held", "expected"),
    [
        ("600519.SH", 250, 250, 250),  # everything, the odd remainder with it
        ("600519.SH", 999, 250, 250),  # never more than is held
        ("600519.SH", 249, 250, 200),
        ("600519.SH", 160, 250, 150),  # one lot and the odd fifty
        ("600519.SH", 60, 250, 50),  # the odd fifty alone
        ("600519.SH", 40, 250, 0),  # never a part of it
        ("600519.SH", 150, 300, 100),
        ("688981.SH", 150, 150, 150),
        ("688981.SH", 150, 500, 0),
        ("688981.SH", 250, 500, 250),
        ("600519.SH", 100, 0, 0),
    ],
)
def test_legal_quantity_sale_keeps_the_odd_remainder_whole(symbol, wanted, held, expected):
    assert CN.legal_quantity(symbol, "2024-01-02", "sell", wanted, held) == expected


@given(
    wanted=st.integers(0, 2000),
    held=st.integers(0, 2000),
    symbol=st.sampled_from(["600519.SH", "688981.SH"]),
)
def test_legal_quantity_sale_is_the_largest_legal_one(wanted, held, symbol):
    if symbol == "600519.SH":
        odd = held % 100
        legal = {n for n in range(held + 1) if n % 100 in (0, odd)}
    else:
        legal = {0, held} | set(range(200, held + 1))
    best = max(n for n in legal if n <= max(wanted, 0))
    assert CN.legal_quantity(symbol, "2024-01-02", "sell", wanted, held) == best


def test_legal_quantity_negative_wish_is_refused():
    with pytest.raises(DataError, match="wanted"):
        CN.legal_quantity("600519.SH", "2024-01-02", "sell", -1, 10)


def test_lot_is_the_fewest_that_can_be_bought():
    found = {s: CN.lot(s, "2024-01-02") for s in ("600519.SH", "688981.SH", "920002.BJ", "000300.SH")}
    assert found == {"600519.SH": 100, "688981.SH": 200, "920002.BJ": 100, "000300.SH": 1}
    assert (US.lot("AAPL", "2024-01-02"), TW.lot("0050.TW", "2024-01-02")) == (1, 1000)


def test_settlement_is_next_day_on_the_mainland_with_exceptions():
    def days(symbol, rules=CN):
        return rules.settlement_days(symbol, "2024-01-02")

    assert [days(s) for s in ("600519.SH", "300750.SZ", "510300.SH", "000300.SH")] == [1, 1, 1, 1]
    assert [days(s) for s in ("518880.SH", "513100.SH", "511010.SH", "113050.SH")] == [0, 0, 0, 0]
    assert days("159934.SZ") == 1
    assert days("159934.SZ", rules_for("XSHG", same_day=["159934.SZ"])) == 0
    assert days("AAPL", US) == 0


def test_rules_board_can_be_told():
    rules = rules_for("XSHG", boards={"000905.SH": "fund"})
    assert rules.legal_quantity("000905.SH", "2024-01-02", "buy", 250, 0) == 200


@pytest.mark.parametrize(
    ("calendar", "settings", "said"),
    [
        ("XSHE", {}, "did you mean 'XSHG'"),
        ("XSHG", {"comission": 0.1}, "did you mean 'commission'"),
        ("XSHG", {"commission": -1}, "'commission' is -1"),
        ("XSHG", {"boards": {"600519.SH": "mian"}}, "boards"),
        ("XSHG", {"boards": {"600519.SH": "tw"}}, "no board of XSHG"),
        ("XSHG", {"listed": {"600519.SH": "soon"}}, "listed"),
        ("XSHG", {"tables": "/nowhere/rules.toml"}, "no file of rules '/nowhere/rules.toml'"),
    ],
)
def test_rules_wrong_settings_are_one_sentence(calendar, settings, said):
    with pytest.raises(ConfigError) as caught:
        rules_for(calendar, **settings)
    assert said in str(caught.value)


def test_rules_of_another_exchange_are_refused():
    with pytest.raises(DataError, match=r"AAPL is not of XSHG"):
        CN.lot("AAPL", "2024-01-02")


def test_rules_day_that_is_none_is_refused():
    with pytest.raises(DataError, match="'someday' is not a date"):
        CN.lot("600519.SH", "someday")


def test_rules_equal_settings_are_equal_and_say_by_which_tables():
    assert rules_for("XSHG") == CN
    told = CN.model_dump(mode="json")
    assert (told["book"], "tables" in told) == (CN.book, False)
    assert CN.book != US.book


def test_rules_survive_a_trip_to_another_process():
    import pickle

    twin = pickle.loads(pickle.dumps(CN))
    assert twin == CN
    assert twin.price_band("600519.SH", "2024-01-02", 10.0) == (9.0, 11.0)


# Settlement ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "before", "since"),
    [
        ("511010.SH", "2013-03-22", "2013-03-25"),
        ("518880.SH", "2013-07-26", "2013-07-29"),
        ("513100.SH", "2015-01-16", "2015-01-19"),
    ],
)
def test_settlement_same_day_funds_since_their_date(symbol, before, since):
    assert [CN.settlement_days(symbol, day) for day in (before, since)] == [1, 0]


def test_settlement_and_lot_before_the_first_row_are_those_of_the_first_row():
    assert CN.settlement_days("600601.SH", "1994-06-01") == 1
    assert CN.lot("688981.SH", "2019-01-02") == 200
    assert CN.costs("600601.SH", "1994-06-01", "sell", 1000, 10.0).stamp_duty == 0.0  # not known


# Levies ----------------------------------------------------------------------------------------------


def test_costs_bond_funds_of_taiwan_are_exempt_for_ten_years():
    def tax(day, symbol="00679B.TWO"):
        return TW.costs(symbol, day, "sell", 1000, 40.0).stamp_duty

    assert [tax(d) for d in ("2016-12-30", "2017-01-03", "2026-12-31", "2027-01-04")] == [40, 0, 0, 40]
    assert tax("2020-01-02", "0050.TW") == 40.0


# Dividend tax ----------------------------------------------------------------------------------------


def taxed(ex, bought, sold, symbol="600519.SH", rules=CN):
    return rules.dividend_tax_rate(symbol, ex, bought, sold)


@pytest.mark.parametrize(
    ("bought", "sold", "rate"),
    [
        ("2024-03-15", "2024-04-15", 0.20),  # held to 04-14: a month
        ("2024-03-15", "2024-04-16", 0.10),
        ("2024-01-31", "2024-02-29", 0.20),
        ("2024-01-31", "2024-03-01", 0.10),
        ("2024-03-15", "2025-03-15", 0.10),
        ("2024-03-15", "2025-03-17", 0.0),
        ("2024-03-15", "2024-03-18", 0.20),
    ],
)
def test_dividend_tax_goes_by_the_time_held(bought, sold, rate):
    assert taxed("2024-03-18", bought, sold) == rate


@pytest.mark.parametrize(
    ("ex", "month", "year", "longer"),
    [
        ("2005-06-13", 0.2, 0.2, 0.2),
        ("2005-06-14", 0.1, 0.1, 0.1),  # the record date is the session before
        ("2013-01-04", 0.1, 0.1, 0.1),  # recorded 2012-12-31
        ("2013-01-07", 0.2, 0.1, 0.05),
        ("2015-09-08", 0.2, 0.1, 0.05),
        ("2015-09-09", 0.2, 0.1, 0.0),
    ],
)
def test_dividend_tax_is_that_of_the_record_date(ex, month, year, longer):
    day = date.fromisoformat(ex)
    held = [taxed(ex, day, day + timedelta(days=n)) for n in (10, 200, 800)]
    assert held == [month, year, longer]


@given(st.dates(date(2016, 1, 4), date(2023, 1, 4)), st.integers(1, 800), st.integers(1, 800))
def test_dividend_tax_never_rises_with_the_time_held(bought, days, more):
    def at(n):
        return taxed("2016-01-05", bought, bought + timedelta(days=n))

    assert at(days) >= at(days + more)
    assert at(27) == 0.2
    assert at(33) == 0.1
    assert at(363) == 0.1
    assert at(368) == 0.0


def test_dividend_tax_is_for_mainland_shares_only_and_can_be_switched_off():
    held = ("2024-03-18", "2024-03-15", "2024-03-20")
    assert taxed(*held, symbol="510300.SH") == 0.0
    assert taxed(*held, symbol="AAPL", rules=US) == 0.0
    assert taxed(*held, symbol="2330.TW", rules=TW) == 0.0
    assert taxed(*held, rules=rules_for("XSHG", dividend_tax=False)) == 0.0
