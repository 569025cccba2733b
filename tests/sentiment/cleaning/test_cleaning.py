"""What counts: marked, kept, counted; and never decided by what came later."""

import itertools
import random

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qushi.core import ConfigError, DataError, Texts
from qushi.core.calendar import sessions
from qushi.sentiment.cleaning.cleaner import REASONS, Cleaner, TextCleaning, clean_texts, wording
from qushi.sentiment.cleaning.naming import NameTable

STORY = "经济参考报今日刊文指出人民币可以一次性对美元贬值以缓解资本外流的压力"
ADVERT = "免费荐股，加QQ群：123456789"
NAMES = NameTable.from_rows(
    [
        ("000001.SZ", "平安银行", "name", "2012-08-02", ""),
        ("600519.SH", "贵州茅台", "name", "2001-08-27", ""),
    ]
)


def texts(rows, **columns):
    """Rows of (Shanghai clock, body) or (clock, body, symbol)."""
    frame = pd.DataFrame(
        {
            "id": [f"{k:04}" for k in range(len(rows))],
            "published_at": pd.DatetimeIndex([row[0] for row in rows], tz="Asia/Shanghai"),
            "body": [row[1] for row in rows],
            "symbol": [row[2] if len(row) > 2 else None for row in rows],
            "audience": "public",
        }
    )
    return Texts.from_frame(frame.assign(**columns))


def reasons(given, keys=None, names=None):
    """The reason of each text, "" where nothing was found."""
    keys = keys or TextCleaning()
    marks = clean_texts(given, keys, names)[1].marks.set_index("id")["reason"]
    return [marks.get(one, "") for one in given.frame["id"]]


def crowd(seed, n=120):
    """Posts of a few days: opinions, copies, near copies, advertising, a bot, signs, later versions."""
    draw = random.Random(seed)
    clock = pd.Timestamp("2016-01-29 09:30")
    rows, versions = [], []
    for k in range(n):
        clock += pd.Timedelta(minutes=draw.choice([0, 1, 7, 60, 900]))
        symbol = draw.choice(["000001.SZ", "600519.SH", "300333.SZ", None])
        body = draw.choice(
            [
                STORY,
                STORY + draw.choice("。！了吧"),
                f"{ADVERT}{draw.randrange(99)}",
                f"平安银行明天目标价{draw.randrange(9)}元，赶紧买入",
                "贵州茅台明天目标价9元，赶紧买入",
                "？！",
                "".join(chr(0x4E00 + draw.randrange(900)) for _ in range(24)),
            ]
        )
        rows.append((clock, body, symbol))
        first = draw.randrange(k) if k and draw.random() < 0.1 else None
        versions.append(None if first is None or versions[first] else f"{first:04}")
    return texts(
        rows, version_of=versions, audience=[draw.choice(["public", "institution"]) for _ in rows]
    )


KEYS = TextCleaning(template_symbols=1, template_posts=2, drop=REASONS)


# Reasons ------------------------------------------------------------------------------------------


def test_clean_each_reason_is_found_and_the_defaults_keep_templates():
    rows = [("2016-02-01 10:00", f"{k}号股今日主力净流出{k}亿元", f"00000{k}.SZ") for k in range(7)]
    rows += [
        ("2016-02-01 11:00", STORY, "000001.SZ"),
        ("2016-02-01 11:01", STORY + "。", "000001.SZ"),
        ("2016-02-01 11:02", ADVERT, "000001.SZ"),
        ("2016-02-01 11:03", "。。。", "000001.SZ"),
    ]
    given = texts(rows)
    expected = ["", "", "", "", "", "template", "template", "", "copy", "advertising", "empty"]
    assert reasons(given) == expected
    kept, report = clean_texts(given)
    assert kept.frame["id"].tolist() == [f"{k:04}" for k in range(8)]
    assert report.by_reason() == {"": 6, "empty": 1, "advertising": 1, "template": 2, "copy": 1}


def test_clean_what_is_not_dropped_is_counted_and_kept():
    given = texts([("2016-02-01 10:00", STORY), ("2016-02-01 10:01", STORY)])
    kept, report = clean_texts(given, TextCleaning(drop=()))
    assert kept.fingerprint == given.fingerprint
    assert report.by_reason()["copy"] == 1
    assert report.dropped == 0


def test_clean_a_dropped_reason_is_named_before_one_that_is_kept():
    given = texts([("2016-02-01 10:00", ADVERT), ("2016-02-01 10:01", ADVERT)])
    assert reasons(given) == ["advertising", "advertising"]
    assert reasons(given, TextCleaning(drop=("copy",))) == ["advertising", "copy"]


def test_clean_marks_say_what_was_copied_and_why_it_is_advertising():
    given = texts(
        [("2016-02-01 10:00", STORY), ("2016-02-01 10:01", STORY), ("2016-02-01 10:02", ADVERT)]
    )
    marks = clean_texts(given)[1].marks
    assert marks["because"].iloc[0] == "0000"
    assert "QQ" in marks["because"].iloc[1]
    assert marks["dropped"].all()


def test_clean_institutions_are_not_called_advertising_or_templates_unless_asked():
    given = texts([("2016-02-01 10:00", ADVERT)], audience="institution")
    assert reasons(given) == [""]
    assert reasons(given, TextCleaning(spam_among=("public", "institution"))) == ["advertising"]


def test_clean_copies_across_symbols_count_unless_asked():
    rows = [("2016-02-01 10:00", STORY, "000001.SZ"), ("2016-02-01 10:01", STORY, "600519.SH")]
    assert reasons(texts(rows)) == ["", ""]
    assert reasons(texts(rows), TextCleaning(across="audience")) == ["", "copy"]
    mixed = texts(rows, audience=["institution", "public"])
    assert reasons(mixed, TextCleaning(across="audience")) == ["", ""]


def test_clean_templates_see_through_the_names_of_shares():
    rows = [
        ("2016-02-01 10:00", "平安银行明日必有大行情快买", "000001.SZ"),
        ("2016-02-01 10:01", "贵州茅台明日必有大行情快买", "600519.SH"),
    ]
    keys = TextCleaning(template_symbols=1)
    assert reasons(texts(rows), keys) == ["", ""]
    assert reasons(texts(rows), keys, NAMES) == ["", "template"]


def test_clean_template_counts_end_with_the_session():
    rows = [
        ("2016-02-05 15:00:00", f"甲乙丙今日涨{1}元", "000001.SZ"),
        ("2016-02-05 15:00:01", f"甲乙丙今日涨{2}元", "600519.SH"),
        ("2016-02-14 10:00:00", f"甲乙丙今日涨{3}元", "300333.SZ"),
    ]
    assert reasons(texts(rows), TextCleaning(template_symbols=1)) == ["", "", "template"]


def test_clean_later_version_is_no_copy():
    given = texts(
        [("2016-02-01 10:00", STORY), ("2016-02-01 11:00", STORY + "。")], version_of=[None, "0000"]
    )
    assert reasons(given) == ["", ""]


def test_clean_a_text_edited_often_is_no_flood():
    rows = [("2016-02-01 10:00", f"甲乙丙今日涨{k}元快去看", "000001.SZ") for k in range(9)]
    versions = [None, *["0000"] * 8]
    assert set(reasons(texts(rows, version_of=versions), TextCleaning(template_posts=2))) == {""}
    assert reasons(texts(rows), TextCleaning(template_posts=2)).count("template") == 7


def test_clean_mentions_are_filled_where_there_are_names():
    given = texts([("2016-02-01 10:00", "平安银行和贵州茅台", "000001.SZ")])
    assert clean_texts(given)[0].frame["mentions"][0] == ""
    assert clean_texts(given, names=NAMES)[0].frame["mentions"][0] == "600519.SH"


def test_wording_leaves_out_a_title_that_the_body_opens_with():
    given = texts([("2016-02-01 10:00", "跌停跑了"), ("2016-02-01 10:01", "跌停跑了，真的")])
    titled = Texts.from_frame(given.frame.assign(title=["跌停", "跌停跑了..."]))
    assert wording(titled) == ["跌停跑了", "跌停跑了，真的"]
    other = Texts.from_frame(given.frame.assign(title=["涨停", ""]))
    assert wording(other) == ["涨停\n跌停跑了", "跌停跑了，真的"]


# The report ---------------------------------------------------------------------------------------


def test_report_counts_every_text_once_by_session_and_source():
    given = crowd(3)
    sourced = Texts.from_frame(given.frame.assign(source=["a", "b"] * 60))
    kept, report = clean_texts(sourced, KEYS, NAMES)
    assert report.texts == len(sourced)
    assert report.dropped == len(sourced) - len(kept) == len(report.marks)
    assert (report.counts.groupby("source")["texts"].sum() == 60).all()
    assert set(report.counts["session"]) <= set(sessions("XSHG", "2016-01-29", "2017-01-01"))
    assert report.marks["reason"].value_counts().to_dict() == {
        reason: n for reason, n in report.by_reason().items() if reason and n
    }
    assert all(report.by_reason()[reason] for reason in REASONS)


def test_report_session_of_a_text_after_the_close_is_the_next():
    given = texts([("2016-02-05 15:00", "甲"), ("2016-02-05 15:01", "乙")])
    counts = clean_texts(given)[1].counts
    assert [f"{day:%m-%d}" for day in counts["session"]] == ["02-05", "02-15"]


def test_report_past_the_known_sessions_counts_by_date():
    given = texts([("2099-01-05 10:00", "甲")])
    assert f"{clean_texts(given)[1].counts['session'][0]:%Y-%m-%d}" == "2099-01-05"


def test_report_says_what_was_left_out_in_a_sentence():
    given = texts([("2016-02-01 10:00", STORY), ("2016-02-01 10:01", STORY)])
    assert clean_texts(given)[1].sentence() == "1 of 2 texts are left out (found: 1 copy)"


def test_report_carries_what_is_to_be_said_of_the_names():
    undated = NameTable.from_rows([("600000.SH", "浦发银行", "name", "", "")])
    given = texts([("2016-02-01 10:00", "浦发银行")])
    assert "left out" in clean_texts(given, names=undated)[1].remarks[0].en


def test_report_of_no_texts_is_empty():
    kept, report = clean_texts(texts([]))
    assert (len(kept), report.texts, report.dropped, len(report.marks)) == (0, 0, 0, 0)


# Causality ----------------------------------------------------------------------------------------


@given(seed=st.integers(0, 10_000), cut=st.integers(1, 119))
@settings(max_examples=10, deadline=None)
def test_clean_texts_up_to_a_moment_give_the_first_part_of_all(seed, cut):
    given = crowd(seed)
    kept, report = clean_texts(given, KEYS, NAMES)
    moment = given.available_at.iloc[cut]
    early, early_report = clean_texts(given.until(moment), KEYS, NAMES)
    assert early.fingerprint == kept.until(moment).fingerprint
    first = report.marks[report.marks["available_at"] <= moment]
    pd.testing.assert_frame_equal(early_report.marks, first, check_dtype=False)


@given(seed=st.integers(0, 10_000), cuts=st.sets(st.integers(1, 119), max_size=5))
@settings(max_examples=10, deadline=None)
def test_clean_batches_give_what_all_at_once_gives_wherever_they_end(seed, cuts):
    given = crowd(seed)
    kept, report = clean_texts(given, KEYS, NAMES)
    cleaner = Cleaner(KEYS, NAMES)
    ends = [0, *sorted(cuts), len(given)]
    parts = [
        cleaner.clean(Texts(given.frame.iloc[a:b].reset_index(drop=True)))
        for a, b in itertools.pairwise(ends)
    ]
    together = pd.concat([part.frame for part in parts], ignore_index=True)
    assert Texts.from_frame(together).fingerprint == kept.fingerprint
    pd.testing.assert_frame_equal(cleaner.report.counts, report.counts)


def test_clean_texts_to_come_change_nothing_whatever_they_are():
    given = crowd(5)
    moment = given.available_at.iloc[60]
    before = clean_texts(given.until(moment), KEYS, NAMES)[0]
    frame = given.frame.copy()
    later = given.available_at > moment
    frame.loc[later, "body"] = STORY
    frame.loc[later, "symbol"] = "000001.SZ"
    after = clean_texts(Texts.from_frame(frame), KEYS, NAMES)[0].until(moment)
    assert after.fingerprint == before.fingerprint


def test_clean_batches_out_of_order_are_refused():
    given = crowd(1)
    cleaner = Cleaner(TextCleaning())
    cleaner.clean(given)
    with pytest.raises(DataError, match="does not come after"):
        cleaner.clean(given)


def test_clean_state_does_not_grow_with_the_archive():
    cleaner = Cleaner(TextCleaning(memory_hours=24))
    sizes = []
    for k, day in enumerate(sessions("XSHG", "2016-03-01", "2016-03-11")):
        rows = [
            (day + pd.Timedelta(hours=9, minutes=m), f"第{k}日第{m}条帖子的内容各不相同")
            for m in range(50)
        ]
        batch = texts(rows)
        cleaner.clean(Texts.from_frame(batch.frame.assign(id=[f"{k}-{m:02}" for m in range(50)])))
        sizes.append(len(cleaner._copies))
    assert max(sizes) <= 100
    assert len(cleaner.report.marks) <= 50


def test_clean_does_not_touch_what_it_was_given():
    given = crowd(2)
    before = given.fingerprint
    clean_texts(given, KEYS, NAMES)
    assert given.fingerprint == before


# Settings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"drop": ["copies"]}, "did you mean 'copy'"),
        ({"drop": ["copy", "copy"]}, "name each of them once"),
        ({"similarity": 0.4}, "similarity"),
        ({"memory": 3}, "unknown key 'memory'"),
    ],
)
def test_settings_bad_ones_are_refused_with_the_near_name(table, message):
    with pytest.raises(ConfigError, match=message):
        TextCleaning.parse(table, "[text_cleaning]")
