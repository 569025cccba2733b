"""Ctrl-C in the middle of a classifier's training costs the epoch in the air, nothing else."""

import pytest

from qushi.core import DataError
from qushi.sentiment import Classifier, TrainingSettings, sample_labels, train_classifier
from qushi.sentiment.training.splitting import stratified_split

TABLE = sample_labels().head(200)
TINY = TrainingSettings(
    hidden=16, layers=1, heads=2, epochs=3, max_length=32, batch_size=32, learning_rate=3e-3, dropout=0.3
)
STEPS = 5  # batches of an epoch: 160 of the 200 texts, 32 at a time


class Steps:
    """Records every call of `advance`; presses Ctrl-C in the one that ends step `stop`."""

    def __init__(self, stop=None):
        self.stop, self.total, self.calls = stop, 0, []

    def begin(self, task, total):
        self.total = total

    def advance(self, task, steps=1):
        self.calls.append(steps)
        if self.stop is not None and sum(self.calls) >= self.stop:
            raise KeyboardInterrupt

    def note(self, message):
        pass


def interrupt(folder, checkpoint, stop, settings=TINY, table=TABLE):
    with pytest.raises(KeyboardInterrupt):
        train_classifier(table, settings, folder, Steps(stop), checkpoint)


def bits(folder):
    return (folder / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    progress = Steps()
    report = train_classifier(TABLE, TINY, tmp_path_factory.mktemp("whole") / "model", progress)
    assert progress.total == TINY.epochs * STEPS
    return report


@pytest.mark.parametrize("done", [1, 2])
def test_resumed_training_is_bit_equal_to_an_uninterrupted_one(tmp_path, whole, done):
    model, checkpoint = tmp_path / "model", tmp_path / "checkpoint"
    interrupt(model, checkpoint, stop=done * STEPS + 2)
    assert not model.exists()

    progress = Steps()
    report = train_classifier(TABLE, TINY, model, progress, checkpoint)
    assert progress.calls == [done * STEPS] + [1] * (TINY.epochs - done) * STEPS
    assert bits(model) == bits(whole.folder)
    assert Classifier.load(model).fingerprint == Classifier.load(whole.folder).fingerprint
    assert report.epochs == whole.epochs
    assert report.best_epoch == whole.best_epoch
    assert report.validation.accuracy == whole.validation.accuracy
    assert list(checkpoint.iterdir()) == [], "the checkpoint is dropped once the model is whole"


def test_training_interrupted_while_the_model_is_written_still_has_its_best_epoch(tmp_path, monkeypatch):
    def stop(*args):
        raise KeyboardInterrupt

    # The rate climbs to one at which the last epoch is worse than one before it.
    wild = TINY.model_copy(update={"learning_rate": 0.5, "warmup": 0.9})
    whole = train_classifier(TABLE, wild, tmp_path / "whole")
    assert whole.best_epoch < wild.epochs
    with monkeypatch.context() as patched:
        patched.setattr("qushi.sentiment.training.fine_tuning._card", stop)
        interrupt(tmp_path / "model", tmp_path / "checkpoint", None, wild)
    progress = Steps()
    report = train_classifier(TABLE, wild, tmp_path / "model", progress, tmp_path / "checkpoint")
    assert progress.calls == [TINY.epochs * STEPS], "no epoch is trained again"
    assert report.best_epoch == whole.best_epoch
    assert report.validation.accuracy == whole.validation.accuracy
    assert bits(tmp_path / "model") == bits(whole.folder)


def exchanged():
    """The same texts and labels, two training texts under each other's label: the same start."""
    train, _, _ = stratified_split(TABLE["label"], TINY.valid, TINY.seed, TINY.test)
    one, two = (next(i for i in train if TABLE["label"][i] == label) for label in ("neg", "pos"))
    return TABLE.assign(text=TABLE["text"].rename({one: two, two: one}))


@pytest.mark.parametrize(
    ("table", "update"),
    [
        (TABLE.assign(text=TABLE["text"] + "。"), {}),
        (exchanged(), {}),
        (TABLE, {"seed": 1}),
        (TABLE, {"epochs": 4}),
        (TABLE, {"threads": 2}),
    ],
    ids=["texts", "order", "seed", "epochs", "threads"],
)
def test_checkpoint_of_another_training_is_left_alone(tmp_path, table, update):
    checkpoint = tmp_path / "checkpoint"
    interrupt(tmp_path / "model", checkpoint, stop=STEPS + 1)
    kept = list(checkpoint.iterdir())
    other = Steps(stop=1)
    with pytest.raises(KeyboardInterrupt):
        train_classifier(table, TINY.model_copy(update=update), tmp_path / "model", other, checkpoint)
    assert other.calls == [1]
    assert list(checkpoint.iterdir()) == kept


def test_checkpoint_does_not_outlive_a_change_of_its_base(tmp_path, whole):
    base, checkpoint = tmp_path / "base", tmp_path / "checkpoint"
    tuned = TINY.model_copy(update={"base": str(base)})
    train_classifier(TABLE, TINY.model_copy(update={"epochs": 1}), base)
    interrupt(tmp_path / "model", checkpoint, STEPS + 1, tuned)
    same = Steps(stop=STEPS + 1)
    with pytest.raises(KeyboardInterrupt):
        train_classifier(TABLE, tuned, tmp_path / "model", same, checkpoint)
    assert same.calls == [STEPS, 1]

    train_classifier(TABLE, TINY.model_copy(update={"epochs": 1, "seed": 5}), base)
    changed = Steps(stop=1)
    with pytest.raises(KeyboardInterrupt):
        train_classifier(TABLE, tuned, tmp_path / "model", changed, checkpoint)
    assert changed.calls == [1]


def test_checkpoint_that_cannot_be_read_is_one_sentence(tmp_path):
    checkpoint = tmp_path / "checkpoint"
    interrupt(tmp_path / "model", checkpoint, stop=STEPS + 1)
    (file,) = checkpoint.iterdir()
    file.write_bytes(b"torn")
    with pytest.raises(DataError, match="delete it to train from the start"):
        train_classifier(TABLE, TINY, tmp_path / "model", checkpoint=checkpoint)
