"""Lots, settlement and costs, against the exchanges' worked examples and a second computation."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qushi.core import ConfigError, DataError
from qushi.market import board_of, rule_tables, rules_for
from qushi.market.instruments import exchange_of
from qushi.market.rule_tables import in_force

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


def test_price_band_is_not_modelled_yet():
    assert CN.price_band("600519.SH", "2024-01-02", 10.0) is None


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
    ],
)
def test_rules_wrong_settings_are_one_sentence(calendar, settings, said):
    with pytest.raises(ConfigError) as caught:
        rules_for(calendar, **settings)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("symbol", "board"),
    [
        ("600519.SH", "main"), ("601318.SH", "main"), ("605499.SH", "main"), ("000001.SZ", "main"),
        ("002594.SZ", "main"), ("300059.SZ", "chinext"), ("301236.SZ", "chinext"), ("688981.SH", "star"),
        ("430047.BJ", "bse"), ("830799.BJ", "bse"), ("920002.BJ", "bse"), ("000001.SH", "index"),
        ("000852.SH", "index"), ("399006.SZ", "index"), ("899050.BJ", "index"), ("510300.SH", "fund"),
        ("588000.SH", "fund"), ("159915.SZ", "fund"), ("113050.SH", "bond"), ("123001.SZ", "bond"),
        ("2330.TW", "tw"), ("0050.TW", "tw_fund"), ("00631L.TW", "tw_fund"), ("AAPL", "us"),
        ("BRK.B", "us"), ("^GSPC", "us"),
    ],
)  # fmt: skip
def test_board_of_known_symbols(symbol, board):
    assert board_of(symbol) == board


def test_board_of_impossible_code_is_refused():
    with pytest.raises(DataError, match=r"777777\.SH"):
        board_of("777777.SH")


def test_exchange_of_bare_code_is_the_shares():
    found = {
        c: exchange_of(c) for c in ("600519", "000001", "300750", "830799", "510300", "0050", "IBM")
    }
    assert found == {
        "600519": "SH", "000001": "SZ", "300750": "SZ", "830799": "BJ",
        "510300": "SH", "0050": "TW", "IBM": "",
    }  # fmt: skip


TABLES = [
    rule_tables.CN_STAMP_DUTY,
    rule_tables.CN_TRANSFER_FEE,
    rule_tables.US_SEC_FEE,
    rule_tables.US_ACTIVITY_FEE,
    *rule_tables.LOTS.values(),
    *rule_tables.LIMIT_WIDTHS.values(),
]


@pytest.mark.parametrize("table", TABLES)
def test_tables_are_dated_in_order_and_say_their_source(table):
    dates = [row.since for row in table]
    assert dates == sorted(set(dates))
    assert all(row.source for row in table)


@pytest.mark.parametrize("table", TABLES)
def test_in_force_changes_on_the_very_day(table):
    assert in_force(table, date(1900, 1, 1)) is None
    for i, row in enumerate(table):
        assert in_force(table, row.since) is row
        before = date.fromordinal(row.since.toordinal() - 1)
        assert in_force(table, before) is (table[i - 1] if i else None)
