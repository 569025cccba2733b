"""What happens after the cut-off of a session does not move it, or any before it, by a bit.

Real days: the exchange was shut from 2024-02-09 to 02-18 (Spring Festival) and from 2024-10-01 to 10-07
(National Day); people worked on the Sundays 2024-02-04, 02-18, 04-07, 04-28 and 09-29 and on the
Saturdays 2024-05-11, 09-14 and 10-12, but the exchange did not.
"""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from panic_texts import scored
from qushi.core import Texts
from qushi.core.calendar import sessions
from qushi.sentiment import TextArchive
from qushi.sentiment.index.panic import PanicSettings, extend, panic_index

SMALL = PanicSettings(window=8, min_history=3, n_min=3)
GRID = sessions("XSHG", "2024-01-02", "2024-02-29")
DAY = pd.Timestamp("2024-02-02")
CUT = pd.Timestamp("2024-02-02 15:00", tz="Asia/Shanghai")
EVENING = pd.Timestamp("2024-02-02 20:00", tz="Asia/Shanghai")


def dated(rows, zone="Asia/Shanghai"):
    """Texts from (id, local time, words)."""
    frame = pd.DataFrame(rows, columns=["id", "published_at", "body"])
    local = pd.to_datetime(frame["published_at"], format="ISO8601").dt.tz_localize("Asia/Shanghai")
    frame["published_at"] = local.dt.tz_convert(zone)
    audience = np.where(frame.index % 3 == 0, "institution", "public")
    return Texts.from_frame(frame.assign(audience=audience, symbol="600519.SH", source="s"))


def posts(first=GRID[0], last=DAY, each=3):
    """`each` posts a session, at all hours."""
    clock = np.random.default_rng(5)
    days = GRID[(first <= GRID) & (last >= GRID)]
    return [
        (f"{day:%m%d}-{n}", f"{day:%Y-%m-%d} {clock.integers(9, 15):02}:30", f"第{day:%m%d}天{n}")
        for day in days
        for n in range(each)
    ]


def index_of(texts, end=None):
    return panic_index(texts, scored(texts), "XSHG", SMALL, end=end)


def until(index, day=DAY):
    frame = index.frame
    return frame[frame["session"] <= day].reset_index(drop=True)


def assert_past_is_the_same(before, after, *, later_differs_from=None):
    pd.testing.assert_frame_equal(until(after), until(before), check_exact=True)
    if later_differs_from is not None:
        assert after.fingerprint != later_differs_from.fingerprint


@pytest.fixture
def archive(tmp_path):
    """The archive as it was met in the evening of `DAY`."""
    found = TextArchive(tmp_path / "texts.sqlite")
    found.add(dated(posts()), now=EVENING)
    yield found
    found.close()


@pytest.fixture
def published(archive):
    return index_of(archive.read(), DAY)


def test_text_a_second_after_the_cutoff_moves_the_next_session_alone(archive, published):
    quiet = index_of(archive.read(), GRID[-1])
    archive.add(dated([("late", "2024-02-02 15:00:01", "崩盘")]), now=EVENING)
    after = index_of(archive.read(), GRID[-1])
    assert_past_is_the_same(published, after, later_differs_from=quiet)
    assert after.one("market").loc["2024-02-05", "texts"] == 1  # a Friday: Monday has it


def test_text_at_the_cutoff_belongs_to_the_session_and_moves_it(archive, published):
    archive.add(dated([("just", "2024-02-02 15:00:00", "崩盘")]), now=EVENING)
    after = index_of(archive.read(), DAY)
    assert after.one("market").loc[DAY, "texts"] == published.one("market").loc[DAY, "texts"] + 1
    early = pd.Timestamp("2024-02-01")
    pd.testing.assert_frame_equal(until(after, early), until(published, early), check_exact=True)
    assert after.fingerprint != published.fingerprint


def test_edit_of_an_old_text_counts_in_the_session_of_the_edit_alone(archive, published):
    quiet = index_of(archive.read(), GRID[-1])
    edited = [(i, at, words + "，快跑" if i == "0110-1" else words) for i, at, words in posts()]
    met = pd.Timestamp("2024-02-20 10:00", tz="Asia/Shanghai")
    assert archive.add(dated(edited), now=met).edited == 1
    after = index_of(archive.read(), GRID[-1])
    assert_past_is_the_same(published, after, later_differs_from=quiet)
    texts = after.one("market")["texts"]
    assert texts["2024-02-20"] == 1
    assert texts["2024-01-10"] == 3  # what was read that day stays
    before_edit = pd.Timestamp("2024-02-19")
    pd.testing.assert_frame_equal(until(after, before_edit), until(quiet, before_edit))


def test_edit_within_the_session_counts_the_last_words_known_at_the_cutoff(archive):
    first = dated([("n", "2024-02-05 10:00", "涨")])
    archive.add(first, now=pd.Timestamp("2024-02-05 10:01", tz="Asia/Shanghai"))
    for words, clock in (("平", "11:00"), ("跌", "14:59:59"), ("崩", "15:00:01")):
        at = pd.Timestamp(f"2024-02-05 {clock}", tz="Asia/Shanghai")
        archive.add(dated([("n", "2024-02-05 10:00", words)]), now=at)
    after = index_of(archive.read(), pd.Timestamp("2024-02-06"))
    assert after.one("market")["texts"].tolist()[-2:] == [1, 1]
    alone = scored(dated([("n", "2024-02-05 10:00", "跌")])).iloc[0]
    expected = np.log1p(alone["p_neg"]) - np.log1p(alone["p_pos"])
    assert after.one("market").loc["2024-02-05", "session_bearishness"] == pytest.approx(expected)


def test_deletion_at_the_source_moves_nothing_ever(archive, published):
    quiet = index_of(archive.read(), GRID[-1])
    left = [row for row in posts() if row[0] not in ("0110-1", "0202-0")]
    met = pd.Timestamp("2024-02-20 10:00", tz="Asia/Shanghai")
    assert archive.add(dated(left), now=met, snapshot=True).gone > 0
    after = index_of(archive.read(), GRID[-1])
    assert_past_is_the_same(published, after)
    assert after.fingerprint == quiet.fingerprint


def test_extending_after_all_of_it_moves_no_earlier_session(archive, published):
    edited = [(i, at, words + "，快跑" if i == "0110-1" else words) for i, at, words in posts()]
    met = pd.Timestamp("2024-02-20 10:00", tz="Asia/Shanghai")
    archive.add(dated(edited[:-1]), now=met, snapshot=True)
    archive.add(dated([("late", "2024-02-02 15:00:01", "崩盘")]), now=met)
    archive.add(dated([("lost", "2024-01-15 10:00", "一条迟到的旧帖")]), now=met)  # a late import
    texts = archive.read()
    grown = extend(published, texts, scored(texts), "XSHG", SMALL, end=GRID[-1])
    assert_past_is_the_same(published, grown)
    assert grown.one("market")["texts"].loc["2024-02-05":].tolist()[:8] == [1, 0, 0, 0, 0, 1, 0, 0]


@pytest.mark.parametrize("zone", ["UTC", "+08:00", "America/New_York"])
def test_times_given_in_another_zone_make_the_same_index(zone):
    rows = [*posts(), ("late", "2024-02-02 15:00:01", "崩盘"), ("just", "2024-02-01 15:00", "崩盘")]
    local, other = dated(rows), dated(rows, zone)
    assert index_of(other, GRID[-1]).fingerprint == index_of(local, GRID[-1]).fingerprint


_SCRIPT = """
import sys
import numpy as np, pandas as pd
from qushi.sentiment.index.panic import PanicSettings, panic_index
from qushi.sentiment.sources.csv import CsvTexts
texts = CsvTexts(path=sys.argv[1]).fetch()
p = np.linspace(0.1, 0.9, len(texts))
scores = pd.DataFrame({"id": texts.frame["id"], "p_neg": p, "p_neu": 0.0, "p_pos": 1 - p})
index = panic_index(texts, scores, "XSHG", PanicSettings(window=8, min_history=3))
print(index.fingerprint, *index.one("market")["texts"])
"""


def test_clock_of_the_machine_does_not_move_the_index(tmp_path):
    rows = [(at, words) for _, at, words in posts(last=GRID[6])]
    rows += [("2024-01-10 15:00:00", "甲"), ("2024-01-10 15:00:01", "乙"), ("2024-01-10", "丙")]
    path = tmp_path / "texts.csv"
    pd.DataFrame(rows, columns=["time", "body"]).to_csv(path, index=False)
    answers = {
        subprocess.run(
            [sys.executable, "-c", _SCRIPT, str(path)],
            env={**os.environ, "TZ": zone},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for zone in ("UTC", "America/Los_Angeles")
    }
    assert len(answers) == 1
    counted = answers.pop().split()[1:]
    assert counted == ["3", "3", "3", "3", "3", "3", "4", "2"]


@pytest.mark.parametrize(
    ("moment", "session"),
    [
        ("2024-02-04 10:00", "2024-02-05"),  # make-up Sundays
        ("2024-02-18 10:00", "2024-02-19"),
        ("2024-04-07 10:00", "2024-04-08"),
        ("2024-04-28 10:00", "2024-04-29"),
        ("2024-09-29 10:00", "2024-09-30"),
        ("2024-05-11 10:00", "2024-05-13"),  # make-up Saturdays
        ("2024-09-14 10:00", "2024-09-18"),
        ("2024-10-12 10:00", "2024-10-14"),
        ("2024-02-08 15:00", "2024-02-08"),  # Spring Festival
        ("2024-02-08 15:00:01", "2024-02-19"),
        ("2024-02-09 09:00", "2024-02-19"),
        ("2024-02-10 00:00", "2024-02-19"),
        ("2024-02-14 14:59", "2024-02-19"),
        ("2024-02-19 15:00", "2024-02-19"),
        ("2024-09-30 15:00:01", "2024-10-08"),  # National Day
        ("2024-10-01 10:00", "2024-10-08"),
        ("2024-10-07 23:59:59", "2024-10-08"),
    ],
)
def test_text_of_a_day_without_trading_counts_in_the_next_session_and_moves_none_before(moment, session):
    day = pd.Timestamp(session)
    earlier = sessions("XSHG", day - pd.Timedelta(days=40), day)[:-1]
    rows = [(f"{d:%m%d}", f"{d:%Y-%m-%d} 10:00", f"{d:%m%d}天") for d in earlier]
    before, after = dated(rows), dated([*rows, ("x", moment, "崩盘")])
    found = index_of(after, day)
    assert found.one("market").loc[day, "texts"] == 1
    assert found.one("market")["texts"].iloc[:-1].eq(1).all()
    pd.testing.assert_frame_equal(
        until(found, earlier[-1]), index_of(before, earlier[-1]).frame, check_exact=True
    )


@pytest.mark.parametrize(("last", "first"), [("2024-02-08", "2024-02-19"), ("2024-09-30", "2024-10-08")])
def test_holiday_decays_once_however_many_days_it_has(last, first):
    found = index_of(dated([("a", f"{last} 10:00", "崩盘"), ("b", f"{first} 10:00", "平")])).one(
        "market"
    )
    assert found.index.tolist() == [pd.Timestamp(last), pd.Timestamp(first)]
    assert found["effective"].tolist() == pytest.approx([1.0, 1.0 + 2 ** (-1 / 3)])
