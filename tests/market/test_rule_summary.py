"""What applied, in words."""

from datetime import date

from qushi.market import rules_for

CN = rules_for("XSHG")


def test_describe_says_what_held_since_when_and_who_says_so():
    rows = {row.rule: row for row in CN.describe("300750.SZ", "2020-08-21")}
    assert (rows["board"].value, rows["price limit"].value) == ("chinext", "10 %")
    assert rows["price limit"].since == date(2009, 10, 30)
    assert rows["transfer fee"].value == "0.002 %, both sides"
    assert all(row.source for row in rows.values() if row.value != "none")
    after = {row.rule: row for row in CN.describe("300750.SZ", "2020-08-24")}
    assert (after["price limit"].value, after["price limit"].since) == ("20 %", date(2020, 8, 24))


def test_describe_tells_a_setting_from_a_rule():
    rules = rules_for("XSHG", same_day=["159934.SZ"], boards={"159934.SZ": "fund"}, commission=0.0003)
    rows = {row.rule: row for row in rules.describe("159934.SZ", "2024-01-02")}
    assert (rows["sold again"].value, "same_day" in rows["sold again"].source) == ("T+0", True)
    assert "boards" in rows["board"].source
    assert rows["commission"].value == "0.03 %, at least 5"
    assert rows["stamp duty"].value == "none"
