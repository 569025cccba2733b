import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import qushi.reports
from example_forecasts import forecast_inputs
from example_report import example_inputs, figures, holding
from qushi.core import DataError, Forecasts
from qushi.core.notes import Said
from qushi.reports import write_report
from qushi.reports.page import render
from qushi.reports.words import WORDS

EVIL = "<script>alert('x')</script>"
NO_REFUSALS = {"refusals": pd.DataFrame(), "largest_refusals": pd.DataFrame()}
ASSETS = Path(qushi.reports.__file__).parent / "assets"


@pytest.fixture(scope="module")
def inputs():
    return example_inputs(n=200)


@pytest.fixture(scope="module")
def page(inputs):
    return render(inputs)


def table(page: str, name: str) -> list[list[str]]:
    """Rows of a table, cells as plain text."""
    page = page.replace("<wbr>", "")
    body = re.search(rf'<table id="{name}".*?<tbody>(.*?)</tbody>', page, flags=re.DOTALL)
    assert body, name
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", body[1], flags=re.DOTALL)
    return [
        [re.sub(r"<[^>]+>", " ", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)]
        for row in rows
    ]


def test_page_is_written_whole_and_is_small(tmp_path, inputs):
    path = write_report(inputs, tmp_path / "deep" / "report.html")
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]
    assert path.stat().st_size < 1_000_000


def test_page_of_equal_inputs_is_equal(inputs, page):
    assert render(inputs) == page


def test_warnings_and_failures_stand_before_any_result(inputs, page):
    places = [page.index(inputs.warnings[0].en), page.index("the loss became NaN in fold 3")]
    assert max(places) < page.index('id="by-return"')


def test_strategies_stand_by_return_with_the_benchmark_among_them(inputs, page):
    rows = table(page, "by-return")
    shown = [float(row[1].strip(" %").replace("–", "-")) for row in rows]
    assert shown == sorted(shown, reverse=True)
    assert len(rows) == len(inputs.results) + 1
    assert sum("benchmark, no costs" in row[0] for row in rows) == 1
    assert sum("buy and hold" in row[0] for row in rows) == 1
    assert sum("never traded" in row[0] for row in rows) == 1


def test_benchmark_row_is_its_return_over_the_window(inputs, page):
    first, last = inputs.window
    total = (1 + inputs.benchmark.loc[first:last]).prod() - 1
    row = next(row for row in table(page, "by-return") if "benchmark" in row[0])
    assert float(row[1].strip(" %").replace("–", "-")) == pytest.approx(total * 100, abs=0.051)


def test_accuracy_below_its_base_rate_is_marked(page):
    rows = {row[0].strip(): row for row in table(page, "by-quality")}
    assert "below base rate" in rows["lstm"][2]
    assert "below" not in rows["logistic"][2]
    assert "worse than last value" in " ".join(rows["lstm"])
    assert rows["last_value"][2] == "n/a"


def test_refused_orders_are_counted_by_reason(inputs, page):
    rows = {row[0].strip(): row for row in table(page, "by-reason")}
    for result in inputs.results:
        if len(result.refused):
            assert int(rows[result.name][2]) == len(result.refused)
    assert "limit up" in page


def test_refusals_show_their_cost_and_the_sum_of_several_reasons(inputs, page):
    rows = {row[0].strip(): row for row in table(page, "by-reason")}
    for name, part in inputs.refusals.groupby("strategy"):
        cost = part["cost"].sum()
        assert float(rows[name][3].split()[0].replace("–", "-").replace(",", "")) == pytest.approx(
            cost, abs=0.51
        )
        assert ("saved" in rows[name][3]) == (cost < 0)
    both = inputs.refusals.iloc[[0, 0]].assign(reason=["limit_up", "lot"], orders=[1, 1])
    several = replace(inputs, refusals=pd.concat([both, inputs.refusals.iloc[1:]]))
    together = [row for row in table(render(several), "by-reason") if "together" in row[1]]
    assert [row[2] for row in together] == ["2"]
    assert float(together[0][3].split()[0].replace("–", "-").replace(",", "")) == pytest.approx(
        2 * inputs.refusals["cost"].iloc[0], abs=0.51
    )


def test_largest_refusals_stand_with_symbol_sessions_and_side(inputs, page):
    rows = table(page, "by-refusal")
    assert len(rows) == len(inputs.largest_refusals)
    first = inputs.largest_refusals.iloc[0]
    assert [cell.strip().split()[0] for cell in rows[0][1:3]] == [first["symbol"], first["side"]]
    assert rows[0][9] == f"{first['first']:%Y-%m-%d}"


def test_inputs_without_the_refusals_of_their_results_are_refused(inputs):
    with pytest.raises(DataError, match="orders were not wholly filled"):
        replace(inputs, refusals=pd.DataFrame())


def test_page_of_orders_that_all_filled_says_so(inputs):
    page = render(replace(inputs, results=inputs.results[3:4], **NO_REFUSALS))
    assert WORDS["all_filled"].en in page
    assert 'id="by-refusal"' not in page


def test_dividends_and_their_tax_are_shown_where_there_were_any(inputs, page):
    assert "Dividend tax" not in page
    paid = inputs.performance.assign(dividends=[1234.0, 0, 0, 0, 0], dividend_tax=[56.0, 0, 0, 0, 0])
    shown = render(replace(inputs, performance=paid))
    assert "Dividend tax" in shown
    row = next(r for r in table(shown, "by-return") if inputs.results[0].name in r[0])
    assert row[4:6] == ["1,234", "56"]


def test_page_says_whether_orders_fill_at_the_open_or_at_the_close(inputs, page):
    assert "orders filled at the next open" in page
    closing = tuple(
        replace(r, conditions={**r.conditions, "filled": "next close"}) for r in inputs.results
    )
    assert "orders filled at the next close" in render(replace(inputs, results=closing))


def test_every_text_from_outside_is_escaped(inputs):
    results = (replace(inputs.results[0], name=EVIL), *inputs.results[1:])
    old = inputs.results[0].name
    performance = inputs.performance.rename({old: EVIL})
    evil = replace(
        inputs,
        name=EVIL,
        description=EVIL,
        config_toml=f"# {EVIL}",
        results=results,
        performance=performance,
        failures=((EVIL, EVIL),),
        warnings=(Said(EVIL, EVIL),),
        facts={EVIL: EVIL},
        classifier={EVIL: EVIL},
        tear_sheets={EVIL: '"onclick="alert(1)'},
        benchmark=inputs.benchmark.rename(EVIL),
        quality=inputs.quality.replace("lstm", EVIL),
        refusals=inputs.refusals.replace(old, EVIL),
        largest_refusals=inputs.largest_refusals.replace(old, EVIL).replace("000300.SH", EVIL),
    )
    page = render(evil)
    assert EVIL not in page
    assert page.count("<script") == 3
    assert '"onclick="' not in page


def test_payload_is_json_that_cannot_end_its_element(page):
    found = re.search(r'<script type="application/json" id="payload">(.*?)</script>', page)
    assert found
    assert "<" not in found[1]
    assert set(json.loads(found[1])) >= {"sessions", "equity", "symbols", "trades", "panic"}


def test_page_forbids_and_needs_no_request(page):
    assert "default-src 'none'" in page
    links = re.findall(r"""(?:src|href)\s*=\s*["']([^"']+)""", page)
    assert [
        x for x in links if not x.startswith(("data:", "tearsheet-", "https://www.tradingview.com"))
    ] == []


def test_attribution_of_the_charts_stays(page):
    assert "TradingView, Inc." in page
    assert "attributionLogo: true" in page


def test_page_without_panic_forecasts_and_classifier_says_so(inputs):
    bare = replace(
        inputs,
        panic=None,
        forecasts=None,
        quality=pd.DataFrame(),
        classifier={},
        alignment=pd.DataFrame(),
        classifier_check=pd.DataFrame(),
        failures=(),
        warnings=(),
    )
    page = render(bare)
    assert WORDS["no_panic"].en in page
    assert WORDS["no_forecasts"].en in page
    assert 'id="warnings"' not in page
    assert 'id="failures"' not in page
    assert 'id="price-audience"' not in page


def test_page_without_results_still_tells_what_failed(inputs):
    none = replace(inputs, results=(), performance=pd.DataFrame(), tear_sheets={}, **NO_REFUSALS)
    page = render(none)
    assert WORDS["short_nothing"].en in page
    assert "the loss became NaN" in page


def test_page_of_results_under_different_conditions_warns(inputs):
    odd = replace(inputs.results[0], conditions={"data": "other"})
    page = render(replace(inputs, results=(odd, *inputs.results[1:])))
    assert WORDS["unlike"].en in page
    assert WORDS["unlike"].en not in render(inputs)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_page_starts_in_the_language_asked(inputs, language):
    page = render(replace(inputs, language=language))
    assert f'data-lang="{language}"' in page
    assert WORDS["strategies"].en in page
    assert WORDS["strategies"].zh in page


def test_undefined_figures_are_not_zero(inputs):
    result = holding([0.0] * 30, start="2012-09-03", name="flat")
    values = figures(result, inputs.benchmark, 243) | {"sharpe": np.nan, "calmar": np.inf}
    figures_of = pd.DataFrame({"flat": values}).T
    page = render(replace(inputs, results=(result,), performance=figures_of, **NO_REFUSALS))
    row = next(row for row in table(page, "by-return") if "flat" in row[0])
    assert row.count("n/a") == 4  # Sharpe, Sortino, beta, win rate
    assert "∞" in row


def test_inputs_with_two_results_of_one_name_are_refused(inputs):
    with pytest.raises(DataError, match="two results"):
        replace(inputs, results=(inputs.results[0], inputs.results[0]))


def test_inputs_with_a_result_without_figures_are_refused(inputs):
    with pytest.raises(DataError, match="no row for"):
        replace(inputs, performance=inputs.performance.iloc[1:])


def test_every_word_is_used():
    sources = "".join(
        p.read_text(encoding="utf-8")
        for p in (*ASSETS.parent.glob("*.py"), *ASSETS.glob("*.j2"), *ASSETS.glob("[!l]*.js"))
        if p.name not in ("words.py", "forecast_words.py")
    )
    unused = [k for k in WORDS if f'"{k}"' not in sources and not k.startswith("audience_")]
    assert unused == []


def test_summary_counts_against_buy_and_hold(inputs, page):
    totals = inputs.performance["total_return"]
    others = totals.drop("buy_and_hold")
    k = int((others > totals["buy_and_hold"]).sum())
    assert f"{k} of {len(others)} other strategies earned more than buying and holding" in page


def test_classifier_no_better_than_the_majority_is_marked(page):
    assert "no better than the majority" in table(page, "by-check")[0][2]


def test_panic_alignment_is_shown(inputs, page):
    rows = table(page, "by-panic")
    assert len(rows) == len(inputs.alignment)
    assert rows[0][3].replace("–", "-") == f"{inputs.alignment['same_session'].iloc[0]:.2f}"


def test_alignment_stands_below_the_price_chart_with_its_meanings(page):
    assert page.index('id="price-chart"') < page.index('id="by-panic"') < page.index('id="by-quality"')
    assert WORDS["alignment_note"].en in page
    assert WORDS["alignment_note"].zh in page


def test_alignment_shows_the_market_first_and_no_audience_twice(inputs):
    frame = pd.DataFrame(
        {
            "scope": ["600519.SH", "600519.SH", "market", "market"],
            "audience": ["all", "public"] * 2,
            "n": [100] * 4,
            "same_session": [-0.3] * 4,
            "last_three": [-0.2] * 4,
            "next_session": [-0.001] * 4,
        }
    )
    rows = table(render(replace(inputs, alignment=frame)), "by-panic")
    assert [row[0].split()[0] for row in rows] == ["market", "600519.SH"]
    assert all("public" in row[1] for row in rows)
    assert rows[0][5] == "0.00"  # what rounds to nothing has no sign


def test_classifier_check_of_all_texts_says_so(inputs):
    check = inputs.classifier_check.assign(symbol="all", accuracy=0.6)
    row = table(render(replace(inputs, classifier_check=check)), "by-check")[0]
    assert "all texts" in row[0]
    assert "全部文本" in row[0]
    assert [cell.replace("\u00a0", " ") for cell in row[2:4]] == ["60.0 %", "52.0 %"]


def test_equal_weight_benchmark_is_named_in_both_languages(inputs):
    page = render(replace(inputs, benchmark=inputs.benchmark.rename("equal weight")))
    assert "等权" in "".join(row[0] for row in table(page, "by-return"))
    assert "基准 等权 不计费用" in page
    assert "; equal weight returned" in page


def test_strategy_name_links_to_its_tear_sheet(inputs, page):
    for name, sheet in inputs.tear_sheets.items():
        assert f'<a href="{sheet}">{name}</a>' in page.replace("<wbr>", "")


@pytest.fixture(scope="module")
def full():
    return forecast_inputs(n=200)


def test_page_of_all_forecasts_holds_every_chart_and_stays_small(full):
    page = render(full)
    for name in ("by-step", "by-probability", "by-interval", "by-epoch", "by-feature"):
        assert f'id="{name}"' in page, name
    for name in ("against-chart", "newest-chart", "against-step"):
        assert f'id="{name}"' in page, name
    assert len(page.encode()) < 1_000_000
    assert render(full) == page


def test_page_without_fits_calibration_and_importance_leaves_their_places_out(page):
    assert 'id="against-chart"' in page
    for name in ("by-step", "by-probability", "by-interval", "training", "against-step"):
        assert f'id="{name}"' not in page, name


def test_names_of_models_and_features_are_escaped_in_every_chart(full):
    def evil(table, name):
        return table.replace(name, EVIL)

    forecasts = Forecasts.concat([Forecasts(evil(full.forecasts.frame, "lstm"))])
    page = render(
        replace(
            full,
            forecasts=forecasts,
            quality=evil(full.quality, "lstm"),
            fits=evil(full.fits, "lstm"),
            reliability=evil(full.reliability, "lstm"),
            coverage=evil(full.coverage, "lstm"),
            importance=evil(evil(full.importance, "lstm"), "return_1"),
        )
    )
    assert EVIL not in page
    assert page.count("<script") == 3
    assert page.count("&lt;script&gt;") >= 8


def test_every_label_of_a_chart_is_in_both_languages(full):
    page = render(full)
    for key in ("axis_step", "axis_stated", "axis_epoch"):
        for language in ("en", "zh"):
            said = getattr(WORDS[key], language)
            assert f'lang="{language}">{said}</text>' in page
