"""What all scorers share: every text once, kept as it is done, in blocks, with progress."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from qushi.core import ConfigError, Texts
from qushi.sentiment import DictionaryScorer, Scorer, TextArchive, load_scorer
from qushi.sentiment.scorers import scoring


class LengthScorer(Scorer):
    """A text's p_neg is its length over 100; counts what it is asked for."""

    def __init__(self, fingerprint="length", stop_after=None, notes=()):
        self.fingerprint, self._said = fingerprint, notes
        self.facts = {"kind": "test", "name": "length", "knowledge_cutoff": None}
        self.asked, self.blocks, self.stop_after = Counter(), [], stop_after

    @property
    def notes(self):
        return self._said

    def _compute(self, contents, batch_size):
        self.blocks.append(len(contents))
        # parts come in another order than the texts, as batches of similar length do
        order = np.argsort([-len(text) for text in contents], kind="stable")
        for first in range(0, len(order), batch_size):
            if self.stop_after is not None and sum(self.asked.values()) >= self.stop_after:
                raise KeyboardInterrupt
            rows = order[first : first + batch_size]
            self.asked.update(contents[row] for row in rows)
            values = np.array([[len(contents[row]) / 100, 0.5, 0.0] for row in rows])
            values[:, 2] = 1 - values[:, :2].sum(axis=1)
            yield rows, values


class Listener:
    def __init__(self):
        self.total, self.done, self.notes = 0, 0, []

    def begin(self, task, total):
        self.total, self.done = total, 0

    def advance(self, task, steps=1):
        self.done += steps

    def note(self, message):
        self.notes.append(message)


def texts_of(bodies):
    moments = pd.Timestamp("2024-01-02", tz="UTC") + pd.to_timedelta(range(len(bodies)), unit="min")
    table = {"id": [f"t{i}" for i in range(len(bodies))], "published_at": moments, "body": bodies}
    return Texts.from_frame(pd.DataFrame(table).assign(audience="public"))


@pytest.fixture
def archive(tmp_path):
    return TextArchive(tmp_path / "texts.sqlite")


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(scoring, "BLOCK", 10)


def test_probabilities_come_in_the_order_of_the_texts_whatever_order_they_are_computed_in():
    contents = ["跌" * n for n in (3, 1, 5, 1, 2)]
    found = LengthScorer().probabilities(contents, batch_size=2)
    np.testing.assert_allclose(found[:, 0], [0.03, 0.01, 0.05, 0.01, 0.02])
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_probabilities_of_equal_strings_are_computed_once(small_blocks):
    scorer = LengthScorer()
    contents = [f"{'跌' * (n % 7)}{n % 23}" for n in range(100)]
    listener = Listener()
    scorer.probabilities(contents, batch_size=3, progress=listener)
    assert max(scorer.asked.values()) == 1
    assert set(scorer.asked) == set(contents)
    assert (listener.done, listener.total) == (len(set(contents)),) * 2


def test_probabilities_of_nothing_are_an_empty_table():
    assert LengthScorer().probabilities([]).shape == (0, 3)


def test_score_with_an_archive_computes_only_what_it_does_not_know(archive, small_blocks):
    contents = ["跌" * n for n in range(1, 31)]
    LengthScorer().probabilities(contents[:20], archive)
    again = LengthScorer()
    found = again.probabilities(contents, archive)
    assert sorted(map(len, again.asked)) == list(range(21, 31))
    np.testing.assert_array_equal(found, LengthScorer().probabilities(contents))
    other = LengthScorer("another model")
    other.probabilities(contents, archive)
    assert len(other.asked) == 30


def test_interrupted_scoring_keeps_what_was_done_and_goes_on_from_there(archive):
    contents = ["跌" * n for n in range(1, 31)]
    with pytest.raises(KeyboardInterrupt):
        LengthScorer(stop_after=12).probabilities(contents, archive, batch_size=4)
    rest = LengthScorer()
    found = rest.probabilities(contents, archive, batch_size=4)
    assert len(rest.asked) == 18
    np.testing.assert_array_equal(found, LengthScorer().probabilities(contents))


def test_interrupting_whoever_listens_keeps_what_was_done_as_well(archive):
    class Impatient(Listener):
        def advance(self, task, steps=1):
            if self.done >= 8:
                raise KeyboardInterrupt
            super().advance(task, steps)

    contents = ["跌" * n for n in range(1, 31)]
    with pytest.raises(KeyboardInterrupt) as caught:
        LengthScorer().probabilities(contents, archive, batch_size=4, progress=Impatient())
    rest = LengthScorer()
    rest.probabilities(contents, archive, batch_size=4)
    assert caught.value is not None  # its traceback still holds every frame
    assert len(rest.asked) == 18


def test_scores_are_kept_while_a_block_goes_on(archive, monkeypatch):
    monkeypatch.setattr(scoring, "KEEP_EVERY", 0.0)
    kept = []
    monkeypatch.setattr(
        TextArchive, "keep_scores", lambda self, scores, model: kept.append((len(scores), model))
    )
    LengthScorer().probabilities(["跌" * n for n in range(1, 11)], archive, batch_size=4)
    assert kept == [(4, "length"), (4, "length"), (2, "length")]


def test_score_archive_scores_every_content_once_block_by_block(archive, small_blocks):
    bodies = [f"第{n % 37}条" for n in range(60)]
    archive.add(texts_of(bodies))
    scorer, listener = LengthScorer(), Listener()
    assert scorer.score_archive(archive, progress=listener) == 37
    assert max(scorer.asked.values()) == 1
    assert max(scorer.blocks) <= 10
    assert (listener.done, listener.total) == (37, 37)
    texts = archive.read()
    stored = LengthScorer(stop_after=0).score(texts, archive)
    pd.testing.assert_frame_equal(stored, LengthScorer().score(texts))


def test_score_archive_again_scores_what_is_new_and_nothing_else(archive, small_blocks):
    archive.add(texts_of([f"第{n}条" for n in range(25)]))
    with pytest.raises(KeyboardInterrupt):
        LengthScorer(stop_after=12).score_archive(archive, batch_size=4)
    second = LengthScorer()
    # blocks of ten in batches of four, four and two: the fifth batch was not begun
    assert second.score_archive(archive, batch_size=4) == 25 - 14
    archive.add(texts_of([f"第{n}条" for n in range(27)]))
    assert LengthScorer().score_archive(archive) == 2
    assert LengthScorer(stop_after=0).score_archive(archive) == 0


def test_notes_are_said_before_work_and_not_where_there_is_none(archive):
    scorer = LengthScorer(notes=("slow here",))
    listener = Listener()
    scorer.score_archive(archive, progress=listener)
    assert listener.notes == []
    scorer.probabilities(["跌"], progress=listener)
    assert listener.notes == ["slow here"]


def test_batch_size_below_one_is_refused(archive):
    with pytest.raises(ConfigError, match="batch_size must be 1 or more, received 0"):
        LengthScorer().probabilities(["跌"], batch_size=0)
    with pytest.raises(ConfigError, match="batch_size must be 1 or more, received 0"):
        LengthScorer().score_archive(archive, batch_size=0)


def test_warnings_count_texts_up_to_the_cutoff():
    texts, scorer = texts_of(["跌"] * 5), LengthScorer()
    assert "undated" in scorer.warnings(texts)[0]
    scorer.facts = {"knowledge_cutoff": "2024-01-02T00:02:00+00:00"}
    assert scorer.warnings(texts)[0].startswith("3 of 5 texts are not later than 2024-01-02T00:02")
    scorer.facts = {"knowledge_cutoff": "2023-12-31"}
    assert scorer.warnings(texts) == ()


def test_load_scorer_finds_the_kind_by_its_source(tmp_path):
    assert isinstance(load_scorer("dictionary"), DictionaryScorer)
    assert load_scorer("dictionary:jiang").facts["name"] == "dictionary:jiang"
    (tmp_path / "qushi.json").write_text('{"kind": "linear"}', encoding="utf-8")
    with pytest.raises(ConfigError, match="is a linear scorer: write kind = 'linear'"):
        load_scorer(tmp_path, kind="transformer")
    with pytest.raises(ConfigError, match="a linear scorer has no precision"):
        load_scorer(tmp_path, precision="int8")


def test_load_scorer_refuses_what_a_dictionary_does_not_have():
    with pytest.raises(ConfigError, match="a dictionary scorer has no output names"):
        load_scorer("dictionary", labels=("neg", "neu", "pos"))
    with pytest.raises(ConfigError, match="did you mean 'yao_formal'"):
        load_scorer("dictionary:yao_forml")
