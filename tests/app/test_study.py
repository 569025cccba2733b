"""A search by Optuna: repeatable, resumable, pruned, and never stopped by one bad trial."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from qushi.app.study import Study
from qushi.core import FitError, LookAheadError
from qushi.forecasters.search import Choice, Range, space

SPACE = space(x=Range(0.01, 10.0, log=True), n=Range(1, 40), kind=Choice([1, 2], [3]))


def loss(settings):
    return abs(settings["x"] - 1.0) + settings["n"] / 100 + len(settings["kind"])


def evaluate(settings):
    for fold in range(3):
        yield loss(settings) + fold / 1000


def opened(path, name="one", **changes):
    return Study(path / "tuning.db", name, **({"space": SPACE, "folds": 3, "seed": 7} | changes))


def told(rows):
    return [(r.number, r.state, r.score, dict(r.settings), r.why) for r in rows]


def test_best_is_the_least_and_later_trials_come_closer(tmp_path):
    rows = opened(tmp_path).run(evaluate, trials=24)
    assert len(rows) == 24
    for row in rows:
        if row.state == "done":
            assert row.score == pytest.approx(loss(row.settings) + 0.002)
    best = [loss(row.settings) for row in rows]
    assert min(best[12:]) < min(best[:8])


def test_same_seed_gives_the_same_trials_and_another_seed_others(tmp_path):
    one = told(opened(tmp_path / "a").run(evaluate, trials=12))
    assert told(opened(tmp_path / "b").run(evaluate, trials=12)) == one
    assert told(opened(tmp_path / "c", seed=8).run(evaluate, trials=12)) != one


def test_numbers_are_short_inside_the_range_and_whole_where_they_should_be(tmp_path):
    for row in opened(tmp_path).run(evaluate, trials=12):
        assert 0.01 <= row.settings["x"] <= 10.0
        assert float(f"{row.settings['x']:.4g}") == row.settings["x"]
        assert isinstance(row.settings["n"], int)
        assert 1 <= row.settings["n"] <= 40
        assert row.settings["kind"] in ([1, 2], [3])


def test_study_begins_with_the_settings_as_they_stand(tmp_path):
    start = {"x": 0.5, "n": 3, "kind": (3,)}
    first = opened(tmp_path, start=start).run(evaluate, trials=2)[0]
    assert dict(first.settings) == {"x": 0.5, "n": 3, "kind": [3]}
    outside = opened(tmp_path, "two", start=start | {"n": 99}).run(evaluate, trials=2)
    assert all(row.settings["n"] != 99 for row in outside)


def test_interrupted_study_goes_on_to_the_same_trials(tmp_path):
    whole = opened(tmp_path / "whole", start={"x": 0.5, "n": 3, "kind": (3,)}).run(evaluate, trials=12)
    seen = []
    for stop in (1, 4, 11):

        def stopping(settings, stop=stop):
            seen.append(settings)
            yield loss(settings)
            if len(seen) == stop:
                raise KeyboardInterrupt
            yield from list(evaluate(settings))[1:]

        with pytest.raises(KeyboardInterrupt):
            opened(tmp_path / "cut", start={"x": 0.5, "n": 3, "kind": (3,)}).run(stopping, trials=12)
    resumed = opened(tmp_path / "cut", start={"x": 0.5, "n": 3, "kind": (3,)})
    assert told(resumed.run(evaluate, trials=12)) == told(whole)


KILLED = """
import os, sys
sys.path.insert(0, sys.argv[2])
from test_study_part import evaluate, opened
from pathlib import Path
count = 0
def dying(settings):
    global count
    count += 1
    scores = list(evaluate(settings))
    yield scores[0]
    if count == 3:
        os._exit(9)
    yield from scores[1:]
opened(Path(sys.argv[1])).run(dying, trials=5)
"""


def test_killed_process_leaves_a_whole_study(tmp_path):
    source = Path(__file__).read_text(encoding="utf-8")
    (tmp_path / "test_study_part.py").write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "cut"), str(tmp_path)],
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 9
    study = opened(tmp_path / "cut")
    assert len(study.rows()) == 2
    whole = opened(tmp_path / "whole").run(evaluate, trials=5)
    assert told(study.run(evaluate, trials=5)) == told(whole)


def test_finished_trials_are_not_run_again(tmp_path):
    first = opened(tmp_path).run(evaluate, trials=6)
    calls = []

    def counting(settings):
        calls.append(settings)
        return evaluate(settings)

    again = opened(tmp_path)
    assert told(again.run(counting, trials=6)) == told(first)
    assert told(again.run(counting, trials=3)) == told(first)
    assert calls == []
    assert told(again.run(counting, trials=8))[:6] == told(first)
    assert len(calls) == 2


def test_study_of_another_name_is_another(tmp_path):
    opened(tmp_path).run(evaluate, trials=3)
    assert opened(tmp_path, "two").rows() == []


def test_failed_trial_is_a_row_with_its_reason(tmp_path):
    def failing(settings):
        yield 1.0
        if settings["kind"] == [3]:
            raise FitError("three is too many")
        yield 1.0

    rows = opened(tmp_path).run(failing, trials=12)
    failed = [row for row in rows if row.settings["kind"] == [3]]
    assert failed
    assert len(failed) < 12
    assert {(r.state, r.score, r.why) for r in failed} == {("failed", None, "three is too many")}
    assert {row.state for row in rows if row not in failed} <= {"done", "pruned"}
    assert told(opened(tmp_path).rows()) == told(rows)


def test_look_ahead_is_a_defect_and_ends_everything(tmp_path):
    def leaking(settings):
        raise LookAheadError("saw tomorrow")
        yield 1.0

    with pytest.raises(LookAheadError):
        opened(tmp_path).run(leaking, trials=3)


def test_score_that_is_no_number_is_a_failure(tmp_path):
    rows = opened(tmp_path, space=space(k=Choice(1))).run(lambda s: iter([float("inf")]), trials=1)
    assert (rows[0].state, rows[0].why) == ("failed", "its score is inf")


@pytest.mark.parametrize(("pruner", "folds_fitted"), [("median", 1), ("none", 3)])
def test_bad_trial_is_pruned_after_its_first_fold(tmp_path, pruner, folds_fitted):
    fitted = {}

    def worse(settings):
        n = settings["n"]
        fitted[n] = 0
        for _fold in range(3):
            fitted[n] += 1
            yield 1.0 + (100.0 if len(fitted) > 6 else 0.01 * len(fitted))

    rows = opened(tmp_path, space=space(n=Range(1, 100000)), pruner=pruner).run(worse, trials=8)
    last = rows[-1]
    assert last.state == ("pruned" if pruner == "median" else "done")
    assert fitted[last.settings["n"]] == folds_fitted
    if pruner == "median":
        assert last.score is None


def test_settings_drawn_twice_are_judged_once_and_a_small_space_is_exhausted(tmp_path):
    calls = []

    def counting(settings):
        calls.append(settings["kind"])
        return iter([float(settings["kind"])] * 3)

    rows = opened(tmp_path, space=space(kind=Choice(1, 2, 3))).run(counting, trials=60)
    assert sorted(calls) == [1, 2, 3]
    assert len(rows) < 60
    assert all(row.score == row.settings["kind"] for row in rows if row.state == "done")


def test_no_trial_is_begun_after_the_time_is_over(tmp_path):
    assert opened(tmp_path).run(evaluate, trials=5, seconds=0) == []


def test_every_trial_is_reported_before_it_is_kept(tmp_path):
    study, seen = opened(tmp_path), []
    rows = study.run(evaluate, trials=4, finished=lambda row: seen.append((row, len(study.rows()))))
    assert [row for row, _ in seen] == rows
    assert [kept for _, kept in seen] == [0, 1, 2, 3]
