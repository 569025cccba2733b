import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from qushi.core import QUIET, ConfigError, FitError
from qushi.core.compute import choose_device
from qushi.forecasters.training import Training, predict_network, train_network
from qushi.forecasters.windows import Panel, Windows

FAST = Training(epochs=6, batch=32, learning_rate=0.01, patience=6)


def windows(rows=300, lookback=4, seed=0, start=0, stop=200):
    random = np.random.default_rng(seed)
    values = random.normal(size=(rows, 2)).astype(np.float32)
    panel = Panel(
        values,
        ("a", "b"),
        np.ones(rows),
        np.full(rows, "A", dtype=object),
        np.arange(rows).astype("datetime64[D]"),
        np.zeros(rows, dtype=np.int64),
    )
    ends = np.arange(start + lookback, stop, dtype=np.int64)
    return Windows(panel, ends, lookback, 2 * values[ends, 0] - values[ends - 1, 1])


def build():
    return nn.Sequential(nn.Flatten(), nn.Linear(8, 6), nn.Dropout(0.2), nn.Linear(6, 1), nn.Flatten(0))


def fit(settings=FAST, seed=0, builder=build, valid=True, loss=functional.mse_loss, **more):
    train = windows()
    later = windows(start=200, stop=300 if valid else 204)
    return train_network(
        builder, train, later, (train.targets, later.targets), loss, settings, seed=seed, **more
    )


def weights(net):
    return torch.cat([p.detach().ravel() for p in net.parameters()])


def test_training_under_one_seed_is_bit_equal_and_under_another_is_not():
    one, again, other = fit(seed=1), fit(seed=1), fit(seed=2)
    assert torch.equal(weights(one[0]), weights(again[0]))
    assert one[1] == again[1]
    assert not torch.equal(weights(one[0]), weights(other[0]))


def test_training_leaves_the_callers_random_state_and_threads_alone():
    torch.manual_seed(5)
    state, count = torch.get_rng_state(), torch.get_num_threads()
    fit(Training(epochs=1, threads=1))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == count


def test_training_does_not_depend_on_the_callers_random_state():
    torch.manual_seed(5)
    one = weights(fit(seed=1)[0])
    torch.manual_seed(6)
    assert torch.equal(one, weights(fit(seed=1)[0]))


class Stops:
    """A progress that presses Ctrl-C after some epochs."""

    def __init__(self, after):
        self.left = after

    def begin(self, task, total):
        pass

    def advance(self, task, steps=1):
        self.left -= steps
        if steps and self.left <= 0:
            raise KeyboardInterrupt

    def note(self, message):
        pass


@pytest.mark.parametrize("after", [1, 3, 5])
def test_resumed_training_is_bit_equal_to_an_uninterrupted_one(tmp_path, after):
    with pytest.raises(KeyboardInterrupt):
        fit(progress=Stops(after), checkpoint=tmp_path)
    counted = []

    class Counts(nn.Sequential):
        def train(self, mode=True):
            counted.append(mode)
            return super().train(mode)

    resumed = fit(checkpoint=tmp_path, builder=lambda: Counts(*build()))
    whole = fit()
    assert sum(counted) == FAST.epochs - after
    assert torch.equal(weights(resumed[0]), weights(whole[0]))
    np.testing.assert_array_equal(resumed[1].valid, whole[1].valid)
    np.testing.assert_array_equal(resumed[1].train, whole[1].train)
    assert resumed[1].best_epoch == whole[1].best_epoch


def test_checkpoint_of_another_fit_is_not_resumed(tmp_path):
    fit(seed=1, checkpoint=tmp_path)
    assert torch.equal(weights(fit(seed=2, checkpoint=tmp_path)[0]), weights(fit(seed=2)[0]))


def test_checkpoint_of_a_longer_fit_is_not_resumed(tmp_path):
    fit(checkpoint=tmp_path)
    short = FAST.model_copy(update={"epochs": 2})
    assert torch.equal(weights(fit(short, checkpoint=tmp_path)[0]), weights(fit(short)[0]))


def test_checkpoint_is_one_whole_file_without_pickles(tmp_path):
    fit(checkpoint=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["training.safetensors"]


def test_early_stopping_keeps_the_best_weights():
    settings = Training(epochs=60, patience=3, learning_rate=0.3, batch=32)
    net, history = fit(settings)
    best = int(np.argmin(history.valid))
    assert history.best_epoch == best
    assert len(history.valid) == best + 1 + settings.patience < settings.epochs
    later = windows(start=200, stop=300)
    found = predict_network(net, later, settings)
    assert np.mean((found - later.targets) ** 2) == pytest.approx(history.valid[best], rel=1e-4)


def test_training_without_validation_runs_all_epochs():
    _, history = fit(Training(epochs=4, patience=1), valid=False)
    assert len(history.train) == 4
    assert history.best_epoch == 3
    assert all(math.isnan(v) for v in history.valid)


def test_training_learns_a_planted_signal():
    settings = Training(epochs=60, patience=60, learning_rate=0.01, batch=32)
    net, _ = fit(settings, builder=lambda: nn.Sequential(nn.Flatten(), nn.Linear(8, 1), nn.Flatten(0)))
    later = windows(start=200, stop=300)
    assert np.corrcoef(predict_network(net, later, settings), later.targets)[0, 1] > 0.95


def test_gradients_are_clipped_to_the_largest_norm():
    norms = []

    def steep(found, wanted):
        return 1e6 * functional.mse_loss(found, wanted)

    class Watched(nn.Sequential):
        def train(self, mode=True):
            gradients = [p.grad for p in self.parameters() if p.grad is not None]
            if gradients:
                norms.append(float(torch.cat([g.ravel() for g in gradients]).norm()))
            return super().train(mode)

    fit(Training(epochs=3, clip=0.5), builder=lambda: Watched(*build()), loss=steep)
    assert norms
    assert max(norms) <= 0.5 + 1e-5


def test_loss_that_is_not_a_number_is_a_fit_error():
    with pytest.raises(FitError, match="not a number"):
        fit(loss=lambda a, b: functional.mse_loss(a, b) * math.nan)


def test_training_without_windows_is_a_fit_error():
    none = windows(start=0, stop=4)
    with pytest.raises(FitError, match="received none"):
        train_network(build, none, none, (none.targets, none.targets), functional.mse_loss, FAST)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_device_that_is_not_there_is_a_config_error():
    with pytest.raises(ConfigError, match="cuda"):
        choose_device("cuda")
    assert choose_device("cpu").type == "cpu"


def test_predictions_do_not_change_the_net_or_depend_on_its_mode():
    net, _ = fit()
    later = windows(start=200, stop=300)
    net.train()
    one = predict_network(net, later, FAST)
    np.testing.assert_array_equal(one, predict_network(net, later, FAST))
    assert QUIET is not None
