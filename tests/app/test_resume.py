"""Ctrl-C in the middle of a fit costs what was in the air, nothing else."""

import pytest

from qushi.app.config import read_experiment
from qushi.app.run import run_experiment
from qushi.app.workspace import Workspace
from tiny import write_tiny


class Recorder:
    """Counts the steps of each task; interrupts at a given one."""

    def __init__(self, task="", after=0):
        self.task, self.after, self.steps = task, after, {}

    def begin(self, task, total):
        self.steps[task] = 0

    def advance(self, task, steps=1):
        self.steps[task] = self.steps.get(task, 0) + steps
        if task == self.task and self.steps[task] == self.after:
            raise KeyboardInterrupt

    def note(self, message):
        pass


def fits(recorder):
    """Nets that were really trained: each begins its epochs once."""
    return recorder.steps.get("lstm: epochs")


def test_interrupted_fit_leaves_no_run_and_the_next_call_goes_on(tmp_path):
    experiment = read_experiment(write_tiny(tmp_path))
    place = Workspace(tmp_path / "store", tmp_path / "runs")
    with pytest.raises(KeyboardInterrupt):
        run_experiment(experiment, place, Recorder("lstm (seed 0)", after=1))
    assert not (tmp_path / "runs").exists()

    resumed = Recorder()
    one = run_experiment(experiment, place, resumed)
    again = Recorder()
    two = run_experiment(experiment, place, again)
    assert fits(resumed) is not None, "the folds after the interruption are fitted now"
    assert fits(again) is None, "a third call finds every fold"

    fresh = Workspace(tmp_path / "other", tmp_path / "runs2")
    three = run_experiment(experiment, fresh, Recorder())
    for outcome in (two.outcome, three.outcome):
        assert one.outcome.forecasts.frame.equals(outcome.forecasts.frame)
        assert one.outcome.performance.equals(outcome.performance)
