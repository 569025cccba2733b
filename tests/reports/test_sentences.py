from dataclasses import replace

import pytest

from example_report import example_inputs
from qushi.core.notes import Said
from qushi.reports.page import render
from qushi.reports.sentences import FIRST, MOST, warned


@pytest.fixture(scope="module")
def inputs():
    return example_inputs(n=120)


def warnings_of(inputs, *said):
    return warned(replace(inputs, warnings=said))


def test_names_that_open_a_warning_are_told_from_its_sentence(inputs):
    said = Said("buy_and_hold, lstm: few round trips: luck", "buy_and_hold、lstm：完整买卖少：运气")
    (line,), folded = warnings_of(inputs, said)
    assert line.names == ("buy_and_hold", "lstm")
    assert line.said == Said("few round trips: luck", "完整买卖少：运气")
    assert folded == ()


@pytest.mark.parametrize(
    "said",
    [
        Said("The texts are synthetic: not by investors.", "文本为合成：并非投资者所写。"),
        Said("buy_and_hold: never traded", "从未成交"),
        Said("never traded", "从未成交"),
    ],
)
def test_warning_about_no_name_in_both_languages_stays_whole(inputs, said):
    (line,), _ = warnings_of(inputs, said)
    assert (line.names, line.said) == ((), said)


@pytest.mark.parametrize(("n", "at_once"), [(MOST, MOST), (MOST + 1, FIRST)])
def test_more_than_eight_warnings_show_six_and_fold_the_rest(inputs, n, at_once):
    said = [Said(f"warning {i}", f"警告 {i}") for i in range(n)]
    shown, folded = warnings_of(inputs, *said)
    assert [line.said for line in (*shown, *folded)] == said
    assert len(shown) == at_once


def test_folded_warnings_stand_in_the_page_behind_their_count(inputs):
    said = tuple(Said(f"warning {i}", f"警告 {i}") for i in range(10))
    page = render(replace(inputs, warnings=said))
    rest = page[page.index("and 4 more") : page.index("</details>")]
    assert [f"warning {i}" in rest for i in range(10)] == [False] * 6 + [True] * 4
