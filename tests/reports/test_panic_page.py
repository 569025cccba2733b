"""The page of the panic index as a file: what it says, what it never does, how large it may be."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from example_panic import DAYS, HOSTILE, SETTINGS, made_index, made_texts, panic_inputs
from qushi.core import PanicIndex, Texts
from qushi.core.notes import Said
from qushi.reports import panic_words
from qushi.reports.panic_page import render_panic_page, write_panic_page
from qushi.reports.panic_words import PANIC_WORDS, SCRIPT_WORDS, both
from qushi.sentiment.index.panic import panic_index

MOST_BYTES = 3_000_000


@pytest.fixture(scope="module")
def page():
    return render_panic_page(panic_inputs())


def payload_of(page):
    return json.loads(re.search(r'id="payload">(.*?)</script>', page, re.S)[1])


def plain(page):
    """The page without its scripts and its style: what is markup and text."""
    return re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.S)


def test_page_says_what_it_rests_on(page):
    words = plain(page)
    for said in (
        "2015-06-01",
        f"{len(made_texts()[0]):,}",  # texts counted
        "forum",
        "TF-IDF",
        "62.0\u00a0% right, majority 41.0\u00a0%",
        "That is alignment, not prediction",
        "这是同步，不是预测",
        "Undated &lt;training&gt;.",
        "Texts kept",
        "1,407",
        "61, left out",
        "64 left out by cleaning",
        "7, counted all the same",
        "an &lt;odd&gt; reason",
        "names &lt;of&gt; today",
        "odd fact",
        'href="#definition"',
        "b[D] = ln((1 + Neg~) / (1 + Pos~))",
        "Asia/Shanghai",
        "Fear that options imply stands apart",
    ):
        assert said in words, said


@pytest.mark.parametrize("key", list(SETTINGS.model_dump()))
def test_every_setting_of_the_index_is_shown(page, key):
    value = SETTINGS.model_dump()[key]
    ledger = plain(page).partition('id="definition"')[2]
    shown = {"cutoff": "the close, 15:00", "hard_labels": "no", "weights": "as given"}
    assert shown.get(key, f"<dd>{value:g}</dd>" if isinstance(value, int | float) else "") in ledger


def test_page_asks_no_host(page):
    assert "default-src 'none'" in page
    assert not re.findall(r'(?:src|href)="(?!data:|#|https://www\.tradingview\.com/)[^"]+"', plain(page))


def test_hostile_texts_stay_texts(page):
    assert "<script>window" not in page
    assert "<img src=x" not in page
    assert "<b>page</b>" not in page
    assert page.count("</script>") == page.count("<script") == 3
    rows = payload_of(page)["texts"]["rows"]
    assert HOSTILE[0] in [row[10] for row in rows]
    assert "\x00" not in page
    page.encode("utf-8")


def test_both_languages_say_as_much():
    assert all(said.en and said.zh for said in PANIC_WORDS.values())
    for key, said in PANIC_WORDS.items():
        if key != "sources_more":  # "and 3 more" against "4 in all"
            assert set(re.findall(r"{\w+", said.zh)) == set(re.findall(r"{\w+", said.en)), key
    assert all(both(key).en for key in SCRIPT_WORDS)


def test_chinese_page_opens_in_chinese():
    assert 'data-lang="zh"' in render_panic_page(panic_inputs(language="zh"))


def test_same_inputs_give_the_same_bytes(page):
    assert render_panic_page(panic_inputs()) == page


def test_bare_inputs_make_a_page():
    page = render_panic_page(
        panic_inputs(
            texts=None,
            scores=pd.DataFrame(),
            bars=None,
            benchmark=None,
            implied={},
            classifier={},
            cleaning=None,
            facts={},
            warnings=(),
        )
    )
    assert "The page was made without the texts" in page
    for section in ("warnings", "classifier", "cleaning", "provenance", "study"):
        assert f'id="{section}"' not in page


def test_what_was_left_out_is_said(monkeypatch):
    monkeypatch.setattr("qushi.reports.panic_page._MOST_BYTES", 0)
    monkeypatch.setattr("qushi.reports.panic_page._LEAST_TEXTS", 12_000)
    monkeypatch.setattr("qushi.reports.panic_charts._MOST_ROWS", 10)
    words = plain(render_panic_page(panic_inputs()))
    kept = payload_of(render_panic_page(panic_inputs()))["texts"]
    assert f"the page holds {len(kept['rows'])}" in words
    assert f"Sessions before {DAYS[kept['from']]:%Y-%m-%d} list none" in words
    assert "1 of 3 scopes are drawn" in words


def test_a_large_archive_stays_a_small_page(tmp_path):
    """Six years, twelve symbols, twenty thousand texts of every character of the font."""
    from qushi.core.calendar import sessions

    rng = np.random.default_rng(2)
    days = sessions("XSHG", "2015-01-05")[:1450]
    n = 20_000
    drawn = rng.integers(0x4E00, 0x9FA5, (n, 60))
    frame = pd.DataFrame(
        {
            "id": [f"{i}" for i in range(n)],
            "published_at": pd.DatetimeIndex(days[rng.integers(0, len(days), n)]).tz_localize(
                "Asia/Shanghai"
            )
            + pd.to_timedelta(rng.integers(0, 86_000, n), unit="s"),
            "audience": np.where(rng.random(n) < 0.5, "public", "institution"),
            "symbol": [f"6000{i:02d}.SH" for i in rng.integers(0, 12, n)],
            "source": "s",
            "body": ["".join(map(chr, row)) for row in drawn],
        }
    )
    p = rng.dirichlet([2, 2, 2], n)
    scores = pd.DataFrame(p, columns=["p_neg", "p_neu", "p_pos"]).assign(id=frame["id"])
    texts = Texts.from_frame(frame)
    index = panic_index(texts, scores, "XSHG", SETTINGS)
    inputs = panic_inputs(panic=index, texts=texts, scores=scores, bars=None, implied={})
    path = write_panic_page(inputs, tmp_path / "panic.html")
    assert path.stat().st_size < MOST_BYTES
    kept = payload_of(path.read_text(encoding="utf-8"))
    assert kept["all_scopes"] == 13 > len(kept["scopes"]) > 1
    assert len(kept["texts"]["rows"]) > 1000


def test_an_index_without_everyone_or_market_is_drawn():
    frame = made_index().frame
    chosen = frame[(frame["scope"] != "market") & (frame["audience"] != "all")]
    index = PanicIndex(chosen.reset_index(drop=True))
    page = render_panic_page(panic_inputs(panic=index, scope="600519.SH", audience="public"))
    assert payload_of(page)["first"] == {"scope": "600519.SH", "audience": "public"}
    assert "Texts counted" not in plain(page)


def test_warnings_are_shown_before_the_charts(page):
    words = plain(page)
    assert words.index('id="warnings"') < words.index('id="panes"')
    none = plain(render_panic_page(panic_inputs(warnings=(Said("A", "甲"), Said("B", "乙")))))
    assert none.count("<li>") - words.count("<li>") == 1


def test_every_word_is_used():
    folder = Path(panic_words.__file__).parent
    files = [*folder.glob("panic_*.py"), *(folder / "assets").glob("panic.*")]
    sources = "".join(p.read_text(encoding="utf-8") for p in files if p.name != "panic_words.py")
    built = ("pane_", "value_", "quality_", "audience_", "group_", "zone_", "form_", "asks_")
    unused = [k for k in PANIC_WORDS if f'"{k}"' not in sources and not k.startswith(built)]
    assert unused == []
