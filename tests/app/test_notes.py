"""The warnings of a report, each from the situation that calls for it."""

from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from qushi.app.config import read_experiment
from qushi.app.experiment import compute
from qushi.app.inputs import load_inputs
from qushi.app.notes import notes_of
from qushi.core import Bars, Forecasts
from qushi.sentiment.sources.sample import SampleTexts
from tiny import write_tiny


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    experiment = read_experiment(write_tiny(tmp_path_factory.mktemp("tiny")))
    inputs = load_inputs(experiment)
    return experiment, compute(experiment, inputs)


def english(experiment, outcome, texts=None, classifier=None):
    notes = notes_of(experiment, outcome, texts, classifier)
    assert all(note.zh and note.zh != note.en for note in notes)
    return [note.en for note in notes]


def test_notes_index_traded_in_fractions_says_so(tiny):
    assert any("index level cannot be bought" in note for note in english(*tiny))


def test_notes_one_seed_of_a_net_says_so(tiny):
    assert any(note.startswith("lstm: one seed only") for note in english(*tiny))


def test_notes_adjusted_source_says_that_prices_were_never_traded(tiny):
    experiment, outcome = tiny
    bars = Bars(outcome.bars.frame, outcome.bars.calendar, "adjusted")
    assert any("never traded" in note for note in english(experiment, replace(outcome, bars=bars)))


def test_notes_accuracy_too_good_asks_for_look_ahead(tiny):
    experiment, outcome = tiny
    quality = outcome.quality.assign(accuracy=0.75, n=500, p_value=1e-9)
    notes = english(experiment, replace(outcome, quality=quality))
    assert any("lstm is right on 75.0% of directions" in note for note in notes)
    assert not any("No model predicts" in note for note in notes)


def test_notes_no_model_better_than_base_rate_counts_the_models(tiny):
    experiment, outcome = tiny
    quality = outcome.quality.assign(p_value=[0.04, 0.3])
    notes = english(experiment, replace(outcome, quality=quality))
    assert any("2 of them tried" in note and "0.025 needed" in note for note in notes)


def test_notes_same_remark_about_several_results_is_one_sentence(tiny):
    experiment, outcome = tiny
    notes = english(experiment, outcome)
    remarks = [note for note in notes if "fewer than 30 round trips" in note]
    assert len(remarks) == 1
    for result in outcome.results:
        trips = outcome.performance.loc[result.name, "round_trips"]
        named = result.name in remarks[0] or remarks[0].startswith("All results")
        assert named == (trips < 30)


def test_notes_texts_written_for_a_demonstration_say_so(tiny):
    undated = SimpleNamespace(facts={"knowledge_cutoff": None})
    texts = SampleTexts().fetch("2021-01-04", "2021-01-08")
    notes = english(*tiny, texts=texts, classifier=undated)
    assert "synthetic" in notes[0]
    assert any("undated texts" in note for note in notes)


def test_notes_texts_before_the_end_of_training_are_counted(tiny):
    texts = SampleTexts().fetch("2021-01-04", "2021-01-08")
    middle = texts.available_at.iloc[len(texts) // 2]

    dated = SimpleNamespace(facts={"knowledge_cutoff": str(middle)})
    inside = int((texts.available_at <= pd.Timestamp(middle)).sum())
    assert any(
        f"{inside} of {len(texts)} texts" in n for n in english(*tiny, texts=texts, classifier=dated)
    )


def test_notes_a_classifier_inside_the_walk_forward_is_told_once(tiny):
    texts = SampleTexts().fetch("2021-01-04", "2021-01-08")
    facts = {
        "knowledge_cutoff": "2030-01-01T00:00:00+00:00",
        "refits": 7,
        "refit_every": 20,
        "first_model": "2020-12-31T07:00:00+00:00",
        "base_undated": False,
    }
    notes = english(*tiny, texts=texts, classifier=SimpleNamespace(facts=facts))
    assert any("trained 7 times, every 20 sessions at most" in n and "2020-12-31" in n for n in notes)
    assert not any("out of sample" in n or "undated" in n for n in notes)
    undated = SimpleNamespace(facts={**facts, "base_undated": True})
    assert any("undated texts" in n for n in english(*tiny, texts=texts, classifier=undated))


def test_notes_each_step_of_a_model_is_not_another_model(tiny):
    experiment, outcome = tiny
    steps = [outcome.quality.assign(horizon=h, p_value=p) for h, p in ((1, 0.001), (5, 0.3))]
    notes = english(experiment, replace(outcome, quality=pd.concat(steps, ignore_index=True)))
    assert any("2 of them tried" in note and "p-value 0.300" in note for note in notes)


def test_notes_recursive_forecasts_carry_their_warning(tiny):
    experiment, outcome = tiny
    walk = experiment.settings.walk_forward.model_copy(update={"steps": "recursive"})
    settings = experiment.settings.model_copy(update={"walk_forward": walk})
    assert any(
        "sees its own forecasts" in n for n in english(replace(experiment, settings=settings), outcome)
    )
    assert not any("sees its own forecasts" in note for note in english(experiment, outcome))


def test_notes_pretrained_model_scored_on_what_it_has_seen_is_named_with_the_count(tiny):
    experiment, outcome = tiny
    frame = outcome.forecasts.frame
    old = frame["session"] < frame["session"].quantile(0.25)
    stamped = Forecasts(frame.assign(contaminated=old & (frame["model"] == "lstm")))
    notes = english(experiment, replace(outcome, forecasts=stamped))
    seen = (old & (frame["model"] == "lstm")).sum()
    said = [note for note in notes if "memory, not foresight" in note]
    assert len(said) == 1
    assert said[0].startswith(f"lstm: pre-trained, and {seen} of its {(frame['model'] == 'lstm').sum()}")


def test_notes_remark_about_many_results_counts_them_and_names_three(tiny):
    experiment, outcome = tiny
    first = outcome.results[0]
    names = [f"r{n}" for n in range(8)]
    many = tuple(replace(first, name=name) for name in (*names, "good"))
    row = outcome.performance.loc[first.name]
    rows = {name: row.to_dict() | {"round_trips": 0} for name in names}
    rows["good"] = row.to_dict() | {"round_trips": 500}
    figures = pd.DataFrame.from_dict(rows, orient="index")
    notes = english(experiment, replace(outcome, results=many, performance=figures))
    few = [note for note in notes if "fewer than 30 round trips" in note]
    assert len(few) == 1
    assert few[0].startswith("8 of 9 results (r0, r1, r2 …): ")
