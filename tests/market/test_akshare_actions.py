"""Corporate actions from the sites behind akshare, and whether prices bear them out."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akshare_sites import Act, stock
from qushi.core import Actions, SourceError
from qushi.market.sources._akshare_factors import steps, unexplained
from qushi.market.sources.akshare import Akshare

BACK_ENDS = ("tencent", "sina", "eastmoney")
each_back_end = pytest.mark.parametrize("back_end", BACK_ENDS)


def source(**given_settings):
    return Akshare(**{"pause": 0, "first_wait": 0, "attempts": 1, "timeout": 5, **given_settings})


def as_actions(symbol, acts):
    rows = [
        {
            "symbol": symbol,
            "session": pd.Timestamp(a.ex),
            "cash": a.cash,
            "bonus": a.bonus,
            "split": a.split,
            "rights": a.rights,
            "rights_price": a.rights_price,
        }
        for a in acts
    ]
    return Actions.from_frame(pd.DataFrame(rows), [symbol]) if rows else Actions.none([symbol])


def doctored(sites, part, change):
    """Answers for `part` as JSON, changed by `change`."""
    good = sites.answer

    def answer(path, query):
        status, body = good(path, query)
        return (status, json.dumps(change(json.loads(body)))) if part in path else (status, body)

    sites.answer = answer
    return good


@each_back_end
def test_akshare_actions_are_a_share_and_dated(sites, back_end):
    """10 派 10 送 5 is 1 yuan and half a share each; 10 配 3 at 8 yuan is 0.3 rights."""
    found = source(backends=[back_end]).fetch("600519.SH").actions.one("600519.SH")
    paid, issued = found.loc["2023-03-15"], found.loc["2023-05-22"]
    assert (paid["cash"], paid["bonus"], paid["split"]) == (1.0, 0.5, 0.0)
    assert paid["pay_session"] == pd.Timestamp("2023-03-20")
    assert (issued["rights"], issued["rights_price"]) == (pytest.approx(0.3), 8.0)
    assert len(found) == 2  # what is only proposed is left out


def test_akshare_transfer_is_a_split_and_bonus_is_not(sites):
    found = source().fetch("688981.SH").actions.one("688981.SH")
    assert (found["split"].iloc[0], found["bonus"].iloc[0]) == (0.4, 0.0)


def test_akshare_cash_paid_before_the_ex_session_arrives_with_it(sites):
    one = sites.answer.stocks["000001.SZ"]
    one.acts = (replace(one.acts[0], pay="2023-04-10"),)
    found = source().fetch("000001.SZ").actions.one("000001.SZ")
    assert list(found["pay_session"]) == list(found.index)


@each_back_end
def test_akshare_share_that_never_paid_has_known_no_actions(sites, back_end):
    bars = source(backends=[back_end]).fetch("601398.SH")
    assert bars.actions.known == {"601398.SH"}
    assert not len(bars.actions)
    assert (bars.one("601398.SH")["factor"] == 1).all()


def test_akshare_renamed_fields_of_cninfo_are_not_taken_for_no_dividends(sites):
    """Without its columns the table looks as that of a company that never paid: prices know better."""

    def renamed(body):
        return {
            "records": [{k.replace("F006D", "F906D"): v for k, v in r.items()} for r in body["records"]]
        }

    doctored(sites, "p_sysapi1139", renamed)
    taken = source(backends=["sina"])
    bars = taken.fetch("000001.SZ")
    assert bars.actions.known == frozenset()
    assert (
        "those listed do not explain the close of 2023-04-11 as sina adjusts it" in taken.take_notes()[0]
    )


@each_back_end
def test_akshare_missing_action_makes_actions_unknown(sites, back_end):
    """Where the site multiplies there is a factor all the same; where it adds there is none."""
    truth = sites.answer.stocks["600519.SH"]
    doctored(sites, "p_stock2232", lambda body: {"records": []})
    taken = source(backends=[back_end])
    if back_end != "sina":
        with pytest.raises(SourceError, match=r"2023-05-22.*no multiple of the traded ones"):
            taken.fetch("600519.SH")
        return
    bars = taken.fetch("600519.SH")
    assert bars.actions.known == frozenset()
    np.testing.assert_allclose(bars.one("600519.SH")["factor"], truth.factor(), rtol=1e-9)
    assert "600519.SH: its corporate actions count as not known" in taken.take_notes()[0]


def test_akshare_action_that_never_happened_makes_actions_unknown(sites):
    def one_more(body):
        extra = {**body["records"][0], "F020D": "2023-02-15", "F012N": 3.0}
        return {"records": [extra, *body["records"]]}

    doctored(sites, "p_sysapi1139", one_more)
    taken = source(backends=["sina"])
    assert taken.fetch("600519.SH").actions.known == frozenset()
    assert "2023-02-15" in taken.take_notes()[0]


def test_akshare_dividend_of_more_than_the_price_makes_actions_unknown(sites):
    doctored(
        sites, "p_sysapi1139", lambda body: {"records": [{**r, "F012N": 900} for r in body["records"]]}
    )
    taken = source(backends=["sina"])
    assert taken.fetch("600519.SH").actions.known == frozenset()
    assert "leaves nothing" in taken.take_notes()[0]


def test_akshare_rights_without_price_make_actions_unknown(sites):
    doctored(
        sites, "p_stock2232", lambda body: {"records": [{**r, "F008": None} for r in body["records"]]}
    )
    taken = source(backends=["sina"])
    assert taken.fetch("600519.SH").actions.known == frozenset()
    assert "without its price" in taken.take_notes()[0]


@each_back_end
def test_akshare_fund_that_was_split_has_unknown_actions(sites, back_end):
    """Sina lists what a fund paid, not that it was split."""
    sites.answer.stocks["510300.SH"] = stock(
        "510300.SH", "2023-01-03", "2023-06-30", (Act("2023-05-08", split=1.0),), price=4.0
    )
    taken = source(backends=[back_end])
    bars = taken.fetch("510300.SH")
    assert bars.actions.known == frozenset()
    factor = bars.one("510300.SH")["factor"]
    assert factor.iloc[-1] / factor.iloc[0] == pytest.approx(2.0, rel=2e-3)
    assert "2023-05-08" in taken.take_notes()[0]


def test_akshare_actions_that_do_not_arrive_fail_the_symbol(sites):
    good = sites.answer
    sites.answer = lambda path, query: (403, "") if "p_sysapi" in path else good(path, query)
    with pytest.raises(SourceError, match=r"dividends of 600519\.SH.*actions = false goes without"):
        source().fetch("600519.SH")
    assert sites.times("newfqkline") == 0


def test_akshare_actions_false_takes_the_factor_of_sina(sites):
    taken = source(backends=["sina"], actions=False)
    bars = taken.fetch("600519.SH")
    assert bars.actions.known == frozenset()
    truth = sites.answer.stocks["600519.SH"].factor()
    np.testing.assert_allclose(bars.one("600519.SH")["factor"], truth, rtol=1e-9)
    assert sites.times("p_sysapi") == 0
    assert not any("corporate actions" in note for note in taken.take_notes())


@pytest.mark.parametrize("multiplies", [True, False])
def test_akshare_actions_false_needs_a_site_that_multiplies(sites, multiplies):
    sites.answer.tencent_multiplies = multiplies
    taken = source(actions=False)
    truth = sites.answer.stocks["600519.SH"].factor()
    factor = taken.fetch("600519.SH").one("600519.SH")["factor"]
    np.testing.assert_allclose(factor / factor.iloc[0], truth, rtol=1e-3)
    fell_back = any("served by sina" in note for note in taken.take_notes())
    assert fell_back == (not multiplies)


# A site that multiplies and one that adds are both explained by what a company did, and by no less.
@st.composite
def companies(draw):
    sessions = stock("600000.SH", "2023-01-03", "2023-06-30").rows.index
    acts = []
    for number in sorted(draw(st.lists(st.integers(3, 110), min_size=1, max_size=2, unique=True))):
        kind = draw(st.sampled_from(["cash", "bonus", "split", "rights"]))
        amount = {kind: round(draw(st.floats(0.1, 2.0)), 2)}
        price = {"rights_price": draw(st.floats(2, 6))} if kind == "rights" else {}
        acts.append(Act(f"{sessions[number]:%Y-%m-%d}", **amount, **price))
    return tuple(acts)


@settings(max_examples=40, deadline=None)
@given(acts=companies(), adds=st.booleans(), last=st.booleans())
def test_unexplained_is_the_session_of_the_missing_action(acts, adds, last):
    one = stock("600000.SH", "2023-01-03", "2023-06-30", acts)
    closes = one.rows["close"]
    back = (one.added() if adds else closes * one.factor() * 3.7).round(2)
    whole = as_actions("600000.SH", acts)
    assert unexplained(closes, whole, "600000.SH", back, 0.01) is None
    gone = acts[-1 if last else 0]
    rest = as_actions("600000.SH", tuple(a for a in acts if a is not gone))
    found = unexplained(closes, rest, "600000.SH", back, 0.01)
    assert found is not None
    if not adds:
        assert found == pd.Timestamp(gone.ex)


@settings(max_examples=40, deadline=None)
@given(acts=companies())
def test_steps_of_a_site_that_multiplies_are_its_factor(acts):
    one = stock("600000.SH", "2023-01-03", "2023-06-30", acts)
    back = (one.rows["close"] * one.factor() * 3.7).round(2)
    factor = steps(one.rows["close"], back, 0.01)
    np.testing.assert_allclose(factor / factor.iloc[0], one.factor(), rtol=1e-3)


def test_steps_of_a_site_that_adds_are_none():
    acts = (Act("2023-01-10", cash=3.0),)
    one = stock("600000.SH", "2023-01-03", "2023-06-30", acts)
    assert steps(one.rows["close"], one.added().round(2), 0.01) is None
