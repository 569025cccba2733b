from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from qushi.core import ConfigError, DataError, LookAheadError
from qushi.core.calendar import session_of, sessions
from qushi.sentiment.scorers.dictionary import DictionaryScorer
from qushi.sentiment.scorers.refitting import Refit, RefittedScorer, block_starts, known_labels


def at(*moments):
    return pd.Series(pd.DatetimeIndex(moments, tz="Asia/Shanghai").tz_convert("UTC"))


def model(since, name="a", cutoff="2020-01-01"):
    moment = pd.Timestamp(since, tz="Asia/Shanghai").tz_convert("UTC")
    seen = pd.Timestamp(cutoff, tz="UTC")
    return Refit(moment, Path(name), name, seen, 100, {"accuracy": 0.5})


def test_a_model_that_knows_what_it_may_not_cannot_be_made():
    with pytest.raises(LookAheadError, match="learned from a label of 2024-01-03"):
        model("2024-01-02 15:00", cutoff="2024-01-03")


def test_block_starts_are_closes_that_do_not_move_with_the_window():
    whole = block_starts(at("2023-01-03 09:00", "2024-12-30 09:00"), "XSHG", 20)
    part = block_starts(at("2023-08-08 09:00", "2024-03-01 09:00"), "XSHG", 20)
    assert set(part) <= set(whole)
    local = whole.tz_convert("Asia/Shanghai")
    assert (local.strftime("%H:%M") == "15:00").all()
    known = sessions("XSHG")
    numbers = [known.get_loc(day) for day in local.tz_localize(None).normalize()]
    assert np.diff(numbers).tolist() == [20] * (len(numbers) - 1)
    assert part[0] < at("2023-08-08 09:00")[0] < part[1]


def test_a_text_belongs_to_the_block_of_its_session():
    starts = block_starts(at("2024-01-02 09:00", "2024-03-29 15:00"), "XSHG", 20)
    scorer = RefittedScorer.of(
        [model(s.tz_convert("Asia/Shanghai").tz_localize(None), str(n)) for n, s in enumerate(starts)],
        DictionaryScorer.load,
        {},
    )
    known = sessions("XSHG")
    first = [
        known.get_loc(session_of(pd.DatetimeIndex([s + pd.Timedelta(1, "s")]), "XSHG")[0])
        for s in starts
    ]
    moments = at("2024-02-08 14:59:59", "2024-02-08 15:00:00", "2024-02-08 15:00:01", "2024-02-18 10:00")
    for moment, number in zip(moments, scorer._model_of(moments), strict=True):
        position = known.get_loc(session_of(pd.DatetimeIndex([moment]), "XSHG")[0])
        assert number == np.searchsorted(first, position, side="right") - 1


def test_known_labels_waits_for_the_delay_and_takes_none_without_a_time():
    table = pd.DataFrame(
        {
            "label": "neg",
            "text": list("abcd"),
            "time": ["2024-01-02 10:00", "2024-01-03 10:00", "", "2024-01-02"],
        }
    )
    moment = pd.Timestamp("2024-01-03 15:00", tz="Asia/Shanghai")
    assert known_labels(table, moment, 0)["text"].tolist() == ["a", "b", "d"]
    assert known_labels(table, moment, 1)["text"].tolist() == ["a"]


def test_strings_without_a_time_are_read_by_the_last_model_and_archives_by_none():
    opened = []

    def open_model(folder):
        opened.append(str(folder))
        return DictionaryScorer.load()

    scorer = RefittedScorer.of(
        [model("2024-01-02 15:00"), model("2024-02-02 15:00", "b")], open_model, {}
    )
    expected = DictionaryScorer.load().probabilities(["暴跌"])
    np.testing.assert_array_equal(scorer.probabilities(["暴跌"]), expected)
    assert opened == ["b"]
    early = scorer.probabilities_at(["暴跌", "暴涨"], at("2024-01-02 15:00:00", "2024-01-02 15:00:01"))
    assert np.isnan(early[0]).all()
    assert not np.isnan(early[1]).any()
    assert opened == ["b", "a"]
    with pytest.raises(ConfigError, match="never a whole archive"):
        scorer.score_archive(None)


def test_fingerprint_changes_with_any_model():
    def mark(*models):
        return RefittedScorer.of(models, DictionaryScorer.load, {}).fingerprint

    one, two = model("2024-01-02 15:00"), model("2024-02-02 15:00", "b")
    assert len({mark(one), mark(one, two), mark(one, model("2024-02-05 15:00", "b"))}) == 3
    with pytest.raises(DataError, match="nothing can be read"):
        mark()
