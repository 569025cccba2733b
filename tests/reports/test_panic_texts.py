"""Which texts the page holds: the most frightened of each session, harmless, few enough, counted."""

import json

import pandas as pd
import pytest

from example_panic import DAYS, HOSTILE, SYMBOLS, made_index, made_texts, panic_inputs
from qushi.core import DataError, Texts
from qushi.reports.panic_charts import calendar_of, drawn_scopes
from qushi.reports.panic_texts import harmless, texts_payload
from qushi.sentiment.index.sectors import Sectors


def kept(inputs, budget=1_000_000):
    return texts_payload(inputs, calendar_of(inputs), drawn_scopes(inputs), budget)


@pytest.fixture(scope="module")
def found():
    return kept(panic_inputs())


def test_a_session_lists_its_texts_most_frightened_first(found):
    last = [row for row in found["rows"] if row[0] == len(DAYS) - 1]
    assert len(last) == 8 + len(HOSTILE)
    assert [row[6] for row in last] == sorted((row[6] for row in last), reverse=True)
    texts, scores = made_texts()
    first = texts.frame.set_index("id").loc["150-0"]
    row = next(r for r in found["rows"] if r[10] == "第 150 日 文本 0 of session 150")
    assert row[1] == f"{DAYS[150]:%Y-%m-%d} 09:40"
    assert row[6] == round(100 * scores.set_index("id").loc["150-0", "p_neg"])
    assert found["sources"][row[3]] == first["source"]


def test_a_text_stands_in_every_scope_that_it_names(found):
    scopes = drawn_scopes(panic_inputs())
    row = next(r for r in found["rows"] if r[10] == "第 150 日 文本 4 of session 150")
    assert {scopes[i] for i in row[5]} == {"market", *SYMBOLS}
    own = next(r for r in found["rows"] if r[10] == "第 150 日 文本 0 of session 150")
    assert [scopes[i] for i in own[5]] == ["market"]


def test_a_text_stands_in_the_sectors_of_its_symbols():
    frame = made_index().frame
    sector = frame[frame["scope"] == SYMBOLS[0]].assign(scope="sector:wine")
    table = pd.concat([frame, sector]).sort_values(["scope", "audience", "session"])
    index = type(made_index())(table.reset_index(drop=True))
    inputs = panic_inputs(panic=index, sectors=Sectors.of({"wine": [SYMBOLS[0]]}))
    place = drawn_scopes(inputs).index("sector:wine")
    row = next(r for r in kept(inputs)["rows"] if r[10] == "第 150 日 文本 1 of session 150")
    assert place in row[5]


def test_a_text_after_the_close_counts_in_the_next_session():
    frame = made_texts()[0].frame.copy()
    late = frame["id"] == "150-7"
    frame.loc[late, "first_seen"] = (DAYS[150] + pd.Timedelta(hours=15, seconds=1)).tz_localize(
        "Asia/Shanghai"
    )
    rows = kept(panic_inputs(texts=Texts.from_frame(frame)))["rows"]
    row = next(r for r in rows if r[10] == "第 150 日 文本 7 of session 150")
    assert row[0] == 151
    assert row[2] == f"{DAYS[150]:%Y-%m-%d} 15:00:01"


def test_few_of_a_session_are_kept_where_the_page_would_grow(found):
    less = kept(panic_inputs(), 70_000)
    assert 0 < len(less["rows"]) < len(found["rows"])
    assert less["per"] < found["per"]
    assert less["all"] == found["all"] == len(made_texts()[0])
    assert len(json.dumps(less["rows"], ensure_ascii=False, separators=(",", ":")).encode()) <= 70_000
    # Of every scope, audience and session the most frightened one is still there.
    scopes = drawn_scopes(panic_inputs())
    for at in (10, 60, 199):
        for scope, audience in ((0, 0), (0, 1), (scopes.index(SYMBOLS[0]), 0)):
            of = [
                max((r for r in rows if r[0] == at and r[4] == audience and scope in r[5]), key=_fear)
                for rows in (less["rows"], found["rows"])
            ]
            assert of[0][6] == of[1][6]


def _fear(row):
    return row[6]


def test_the_latest_sessions_stay_where_even_one_text_each_is_too_much():
    less = kept(panic_inputs(), 12_000)
    assert less["per"] == 1
    at = [row[0] for row in less["rows"]]
    assert at[-1] == len(DAYS) - 1
    assert less["from"] == min(at) > 100


def test_hostile_characters_are_replaced_and_long_texts_cut(found):
    last = [row for row in found["rows"] if row[0] == len(DAYS) - 1]
    words = {k: row[10] for k, row in enumerate(last[: len(HOSTILE)])}
    assert words[0] == HOSTILE[0]  # markup stays as it was written: the page shows it as text
    assert words[2] == "a NUL □ and a bell □ and a lone half □"
    assert words[3] == "turned □ around □ and back"
    assert len(words[4]) == 280
    assert last[4][11] == len(" ".join(["long"] * 4000)) - 280
    assert words[5] == HOSTILE[5]
    assert words[7] == "new line tab and separator"


def test_harmless_leaves_plain_and_chinese_texts_alone():
    for text in ("plain", "恐慌，暴跌！", "👨‍👩‍👧", "z̷a"):
        assert harmless(text) == text


def test_title_that_the_body_repeats_is_said_once():
    frame = made_texts()[0].frame.copy()
    chosen = frame["id"] == "150-0"
    frame.loc[chosen, "body"] = frame.loc[chosen, "title"] + " 再说一遍"
    rows = kept(panic_inputs(texts=Texts.from_frame(frame)))["rows"]
    assert "第 150 日 再说一遍" in [row[10] for row in rows]


def test_a_text_without_a_score_is_refused():
    _, scores = made_texts()
    with pytest.raises(DataError, match="no score"):
        kept(panic_inputs(scores=scores.iloc[1:]))


def test_no_texts_give_nothing():
    assert kept(panic_inputs(texts=None)) == {}
