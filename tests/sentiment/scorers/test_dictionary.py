"""The word lists: what is found, what turns it round, and what the counts become."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qushi.core import ConfigError
from qushi.sentiment import DictionaryScorer
from qushi.sentiment.scorers.dictionary import FOLDER

OWN = DictionaryScorer.from_words(["跌", "大跌", "亏损", "跌停"], ["涨", "利好", "跌停打开"])


def found(text, scorer=OWN):
    table = scorer.explain(text)
    return list(zip(table["word"], table["value"], strict=True))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("股价大跌", [("大跌", -1)]),
        ("跌停打开，涨", [("跌停打开", 1), ("涨", 1)]),
        ("跌跌不休", [("跌", -1), ("跌", -1)]),
        ("不会跌", [("跌", 1)]),
        ("没有任何利好", [("利好", -1)]),
        ("没，跌了", [("跌", -1)]),
        ("不 跌", [("跌", -1)]),
        ("不用担心再跌", [("跌", -1)]),
        ("不是没有涨", [("涨", 1)]),
        ("不涨，跌", [("涨", -1), ("跌", -1)]),
        ("不涨跌", [("涨", -1), ("跌", -1)]),
        ("未来涨", [("涨", 1)]),
        ("不断涨", [("涨", 1)]),
        ("今天开会", []),
        ("", []),
    ],
)
def test_words_are_the_longest_and_negations_turn_the_next_one(text, words):
    assert found(text) == words


def test_explain_says_where_and_why():
    table = OWN.explain("利好没有，也不跌")
    assert table.to_dict("records") == [
        {"word": "利好", "at": 0, "value": 1, "negated": False},
        {"word": "跌", "at": 7, "value": 1, "negated": True},
    ]


@pytest.mark.parametrize(
    ("text", "down", "up"),
    [("", 0, 0), ("跌", 1, 0), ("涨跌", 1, 1), ("跌亏损利好", 2, 1), ("涨涨", 0, 2)],
)
def test_probabilities_are_the_stated_formula(text, down, up):
    pairs, half = min(down, up), Fraction(1, 2)
    total = down + up + pairs + 2
    expected = [float(Fraction(x) / total) for x in (down + half, pairs + 1, up + half)]
    np.testing.assert_allclose(OWN.probabilities([text])[0], expected, rtol=1e-12)


@given(st.integers(0, 8), st.integers(0, 8))
def test_label_follows_the_counts(down, up):
    guess = OWN.probabilities(["跌 " * down + "涨 " * up])[0].argmax()
    assert guess == (1 if down == up else 0 if down > up else 2)


@given(st.text(alphabet="不没未来断跌大停打开涨利好亏损，今", max_size=30))
def test_reading_agrees_with_a_naive_one(text):
    words = {"跌": -1, "大跌": -1, "亏损": -1, "跌停": -1, "涨": 1, "利好": 1, "跌停打开": 1}
    skipped = {"未来", "不断"}
    at, pending, expected = 0, [], []
    while at < len(text):
        here = [w for w in (*words, *skipped, "不", "没", "未") if text.startswith(w, at)]
        if not here:
            at += 1
            continue
        word = max(here, key=len)
        if word in words:
            close = [p for p in pending if at - p <= 3 and "，" not in text[p:at]]
            expected.append((word, words[word] * (-1) ** len(close)))
            pending = []
        elif word not in skipped:
            pending.append(at + len(word))
        at += len(word)
    assert found(text) == expected


def test_words_on_both_lists_count_for_neither():
    scorer = DictionaryScorer.from_words(["跌", "反弹"], ["涨", "反弹"])
    assert found("反弹", scorer) == []
    assert scorer.facts["negative_words"] == scorer.facts["positive_words"] == 1


def test_a_list_that_is_empty_is_refused():
    with pytest.raises(ConfigError, match="at least one negative and one positive word"):
        DictionaryScorer.from_words(["跌"], ["跌"])


@pytest.mark.parametrize("name", ["", "yao", "yao_formal", "yao_informal", "jiang", "all"])
def test_every_shipped_dictionary_reads_plain_sentences(name):
    scorer = DictionaryScorer.load(name)
    texts = ["大盘暴跌，恐慌", "今天星期三", "业绩增长，涨停"]
    if name == "jiang":
        texts[2] = "业绩增长，优秀"
    assert scorer.probabilities(texts).argmax(axis=1).tolist() == [0, 1, 2]
    assert scorer.facts["knowledge_cutoff"].startswith("2021-12-31")


def test_fingerprints_tell_dictionaries_apart_and_not_their_loading():
    marks = {name: DictionaryScorer.load(name).fingerprint for name in ("yao", "jiang", "all")}
    assert len(set(marks.values())) == 3
    assert (
        DictionaryScorer.load("yao").fingerprint == marks["yao"] == DictionaryScorer.load().fingerprint
    )


def test_shipped_lists_are_as_their_readme_says():
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for name in ("jiang_2021", "yao_2021_formal", "yao_2021_informal"):
        sizes = []
        for side in ("neg", "pos"):
            words = (FOLDER / f"{name}.{side}.txt").read_text(encoding="utf-8").splitlines()
            assert words == sorted({word.strip() for word in words})
            assert all(words)
            sizes.append(f"{len(words):,}")
        assert f"| `{name}` | {sizes[0]} | {sizes[1]} |" in readme
    assert "MIT License" in (FOLDER / "LICENSE").read_text(encoding="utf-8")
