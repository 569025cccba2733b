"""Copies of earlier texts: what is found against all pairs, and what time does to it."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qushi.core import DataError
from qushi.sentiment.cleaning.near_duplicates import CopySettings, NearDuplicates, jaccard
from qushi.sentiment.identity import normalised

HOUR = 3_600_000_000_000
STORY = "经济参考报今日刊文指出人民币可以一次性对美元贬值以缓解资本外流的压力"


def copies(contents, moments=None, ids=None, texts=None, groups=None, **keys):
    """For each text the number of the text that it copies, or None."""
    n = len(contents)
    ids = ids or [f"{k:06d}" for k in range(n)]
    moments = moments if moments is not None else list(range(n))
    found = NearDuplicates(CopySettings(**keys)).originals(
        ids, texts or ids, groups or [""] * n, contents, moments
    )
    return [ids.index(one) if one else None for one in found]


def changed(text, changes, draw):
    letters = list(text)
    for _ in range(changes):
        letters[draw.randrange(len(letters))] = chr(0x4E00 + draw.randrange(5000))
    return "".join(letters)


def invented(n, draw):
    """Sentences of random characters, and as many again with a few of them changed."""
    made = ["".join(chr(0x4E00 + draw.randrange(400)) for _ in range(60)) for _ in range(n)]
    return made + [changed(text, draw.randrange(8), draw) for text in made]


def by_brute_force(contents, keys):
    """The same rule by comparing everything with everything."""
    n = keys.ngram
    words = [normalised(text) for text in contents]
    sets = [{text[k : k + n] for k in range(len(text) - n + 1)} for text in words]
    originals, found = [], []
    for k, one in enumerate(sets):
        similar = [
            other
            for other in originals
            if len(one & sets[other]) >= keys.similarity * len(one | sets[other])
        ]
        found.append(similar[0] if similar else None)
        if not similar:
            originals.append(k)
    return found


@pytest.mark.parametrize("similarity", [0.5, 0.6, 0.7, 0.8, 0.9])
def test_copies_nearly_all_pairs_of_brute_force_are_found_and_no_other(similarity):
    draw = random.Random(7)
    contents = invented(250, draw)
    expected = by_brute_force(contents, CopySettings(similarity=similarity))
    found = copies(contents, similarity=similarity)
    there = [k for k, one in enumerate(expected) if one is not None]
    assert len(there) > 60
    assert sum(found[k] == expected[k] for k in there) >= 0.98 * len(there)
    assert all(found[k] is None for k in range(len(found)) if expected[k] is None)


def test_copies_jaccard_is_that_of_the_sets():
    left, right = "跌停跌停快跑", "跌停了快跑吧"
    a = {left[k : k + 2] for k in range(5)}
    b = {right[k : k + 2] for k in range(5)}
    assert jaccard(left, right, 2) == len(a & b) / len(a | b)


def test_copies_same_words_in_other_width_case_and_blanks_are_one():
    assert copies(["ABC股份今天大跌快跑啊", "ＡＢＣ股份 今天 大跌 快跑啊", "abc股份今天大跌快跑啊"]) == [
        None,
        0,
        0,
    ]


def test_copies_short_texts_are_copies_in_the_same_words_only():
    near = ["多氟多，多不多看你了", "多氟多，多不多看你啊", "多氟多，多不多看你了"]
    assert copies(near, similarity=0.5) == [None, None, 0]
    assert copies(near, similarity=0.5, short=4)[1] == 0


def test_copies_shortest_texts_are_never_copies():
    assert copies(["快跑", "快跑", "跌停跌停跌停跌停", "跌停跌停跌停跌停"]) == [None, None, None, 2]


def test_copies_texts_with_other_numbers_are_two_facts():
    first = "江西铜业昨日获得融资净买入1234万元,融资余额占流通市值的比例为百分之八"
    second = first.replace("1234", "1235")
    assert jaccard(first, second, 3) > 0.8
    assert copies([first, second, first + "!"]) == [None, None, 0]


def test_copies_are_looked_for_within_a_group():
    assert copies([STORY] * 4, groups=["a", "b", "a", "b"]) == [None, None, 0, 1]
    assert copies([STORY, STORY + "了"], groups=["a", "b"]) == [None, None]


def test_copies_later_version_is_no_copy_of_its_first_but_of_another_text():
    assert copies([STORY, STORY + "。"], texts=["t", "t"]) == [None, None]
    assert copies([STORY, STORY], texts=["t", "t"]) == [None, None]
    other = "完全不同的另一条帖子内容讲的是铜价和库存的变化趋势"
    assert copies([STORY, other, STORY], texts=["t", "u", "u"]) == [None, None, 0]


def test_copies_version_in_the_same_words_keeps_the_memory_of_them():
    found = copies([STORY] * 3, [0, 60 * HOUR, 100 * HOUR], texts=["t", "t", "u"])
    assert found == [None, None, 1]


@pytest.mark.parametrize(("after", "expected"), [(72 * HOUR, 0), (72 * HOUR + 1, None)])
def test_copies_memory_ends_inclusively(after, expected):
    assert copies([STORY, STORY + "。"], [0, after]) == [None, expected]
    assert copies([STORY, STORY], [0, after]) == [None, expected]


def test_copies_are_measured_from_the_original_so_that_words_count_again():
    moments = [k * 40 * HOUR for k in range(6)]
    assert copies([STORY] * 6, moments) == [None, 0, None, 2, None, 4]


def test_copies_forget_what_is_older_than_the_memory():
    draw = random.Random(1)
    seen = NearDuplicates(CopySettings(memory_hours=1))
    for day in range(6):
        ids = [f"{day}-{k}" for k in range(300)]
        contents = [changed(STORY, 30, draw) for _ in ids]
        seen.originals(ids, ids, [""] * 300, contents, [day * 24 * HOUR + k for k in range(300)])
        assert len(seen) == 300
    assert len(seen._same) == 300
    assert sum(map(len, seen._banded.values())) <= 300 * 64


def test_copies_texts_out_of_order_are_refused():
    with pytest.raises(DataError, match="earlier than one before it"):
        copies([STORY, "另一条完全不同的帖子"], [1, 0])


def test_copies_the_earliest_original_is_named():
    base = "".join(chr(0x4E00 + k) for k in range(40))
    first, second = "甲乙丙丁" + base, base + "戊己庚辛"
    assert jaccard(first, second, 3) < 0.85
    assert copies([first, second, base], similarity=0.85) == [None, None, 0]


@given(st.integers(0, 10_000), st.integers(1, 59))
@settings(max_examples=15, deadline=None)
def test_copies_batches_and_later_texts_change_nothing(seed, cut):
    draw = random.Random(seed)
    contents = invented(30, draw)
    draw.shuffle(contents)
    ids = [f"{k:06d}" for k in range(60)]
    moments = sorted(draw.randrange(100 * HOUR) for _ in ids)
    at_once = NearDuplicates(CopySettings()).originals(ids, ids, [""] * 60, contents, moments)
    seen = NearDuplicates(CopySettings())
    parts = [
        seen.originals(ids[part], ids[part], [""] * len(ids[part]), contents[part], moments[part])
        for part in (slice(None, cut), slice(cut, None))
    ]
    assert parts[0] + parts[1] == at_once
    cut_off = NearDuplicates(CopySettings()).originals(
        ids[:cut], ids[:cut], [""] * cut, contents[:cut], moments[:cut]
    )
    assert cut_off == at_once[:cut]
