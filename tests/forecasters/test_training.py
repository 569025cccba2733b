import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from qushi.core import QUIET, ConfigError, FitError
from qushi.core.compute import choose_device
from qushi.forecasters._batches import PanelRows
from qushi.forecasters._schedules import learning_rate
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


class Killed(Exception):
    """Ctrl-C somewhere inside an epoch."""


def killing(after):
    """A loss that kills the fit after so many steps, and the steps it was asked for."""
    asked = []

    def loss(found, wanted):
        if torch.is_grad_enabled():
            if len(asked) == after:
                raise Killed
            asked.append(len(wanted))
        return functional.mse_loss(found, wanted)

    return loss, asked


STEPS = 7  # 196 windows in batches of 32


@pytest.mark.parametrize("after", [3, STEPS + 5, 2 * STEPS + 1])
@pytest.mark.parametrize(
    "often", [{"checkpoint_iterations": 2}, {"checkpoint_seconds": 1e-9, "checkpoint_epochs": None}]
)
@pytest.mark.parametrize("schedule", ["cosine", "plateau"])
def test_fit_killed_inside_an_epoch_resumes_to_the_same_bits(tmp_path, after, often, schedule):
    settings = FAST.model_copy(update={"schedule": schedule, "warmup": 1, "decay_every": 1, **often})
    loss, _ = killing(after)
    with pytest.raises(Killed):
        fit(settings, loss=loss, checkpoint=tmp_path)
    loss, asked = killing(-1)
    resumed = fit(settings, loss=loss, checkpoint=tmp_path)
    whole = fit(settings)
    inside = after % STEPS
    lost = inside % 2 if "checkpoint_iterations" in often else 0
    assert len(asked) == FAST.epochs * STEPS - after + lost
    assert torch.equal(weights(resumed[0]), weights(whole[0]))
    assert resumed[1] == whole[1]


def test_fit_that_keeps_its_state_every_second_epoch_repeats_the_one_that_was_not_kept(tmp_path):
    settings = FAST.model_copy(update={"checkpoint_epochs": 2})
    loss, _ = killing(3 * STEPS + 1)
    with pytest.raises(Killed):
        fit(settings, loss=loss, checkpoint=tmp_path)
    loss, asked = killing(-1)
    resumed = fit(settings, loss=loss, checkpoint=tmp_path)
    assert len(asked) == (FAST.epochs - 2) * STEPS
    assert torch.equal(weights(resumed[0]), weights(fit()[0]))


def test_cosine_that_ends_elsewhere_is_not_resumed(tmp_path):
    cosine = FAST.model_copy(update={"schedule": "cosine"})
    longer = cosine.model_copy(update={"epochs": 8})
    fit(cosine, checkpoint=tmp_path)
    assert torch.equal(weights(fit(longer, checkpoint=tmp_path)[0]), weights(fit(longer)[0]))


def learned(net):
    """A function that builds a net with the weights of another."""

    def again():
        made = build()
        made.load_state_dict(net.state_dict())
        return made

    return again


def test_warm_fit_keeps_the_weights_it_came_with_where_no_epoch_is_better():
    best, _ = fit(Training(epochs=80, patience=80, batch=32, learning_rate=0.01))
    wild = Training(epochs=4, learning_rate=1.0, refit_rate=1.0)
    kept, history = fit(wild, builder=learned(best), warm=True)
    assert torch.equal(weights(kept), weights(best))
    assert history.best_epoch == -1
    assert len(history.train) == 4
    cold, history = fit(wild, builder=learned(best))
    assert not torch.equal(weights(cold), weights(best))
    assert history.best_epoch >= 0


def test_warm_fit_that_gets_better_keeps_that_and_resumes_to_the_same_bits(tmp_path):
    start, _ = fit(Training(epochs=1, batch=32))
    settings = FAST.model_copy(update={"checkpoint_iterations": 2})
    loss, _ = killing(STEPS + 3)
    with pytest.raises(Killed):
        fit(settings, loss=loss, builder=learned(start), warm=True, checkpoint=tmp_path)
    resumed = fit(settings, builder=learned(start), warm=True, checkpoint=tmp_path)
    whole = fit(settings, builder=learned(start), warm=True)
    assert torch.equal(weights(resumed[0]), weights(whole[0]))
    assert resumed[1] == whole[1]
    assert whole[1].best_epoch >= 0
    slow = FAST.model_copy(update={"learning_rate": FAST.learning_rate * FAST.refit_rate})
    assert torch.equal(weights(fit(slow, builder=learned(start))[0]), weights(whole[0]))


# Schedules -----------------------------------------------------------------------------------------


def test_cosine_after_a_warm_up_equals_the_formula():
    settings = Training(learning_rate=0.2, epochs=10, warmup=2, schedule="cosine")
    expected = {0.5: 0.05, 1: 0.1, 2: 0.2, 6: 0.1, 4: 0.2 * (1 + math.sqrt(0.5)) / 2, 10: 0}
    for done, rate in expected.items():
        assert learning_rate(settings, done) == pytest.approx(rate, abs=1e-15)


def test_step_halves_the_rate_every_so_many_epochs():
    settings = Training(learning_rate=0.8, schedule="step", decay=0.5, decay_every=2)
    found = [learning_rate(settings, done) for done in (0, 1.99, 2, 3.5, 4)]
    assert found == [0.8, 0.8, 0.4, 0.4, 0.2]


def test_plateau_lowers_the_rate_after_epochs_without_a_better_loss():
    settings = Training(learning_rate=0.8, schedule="plateau", decay=0.5, decay_every=2)
    losses = [5, 4, 4, 4.5, 3, 3, 3, 3, 3]
    found = [learning_rate(settings, done, losses[:done]) for done in range(10)]
    assert found == [0.8, 0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2, 0.2, 0.1]


def test_plateau_without_validation_is_a_fit_error():
    with pytest.raises(FitError, match="set valid above 0"):
        fit(Training(schedule="plateau"), valid=False)


def test_optimizer_is_given_the_rate_of_the_schedule(monkeypatch):
    rates = []

    class Watched(torch.optim.AdamW):
        def step(self, closure=None):
            rates.append(self.param_groups[0]["lr"])
            return super().step(closure)

    monkeypatch.setattr(torch.optim, "AdamW", Watched)
    settings = FAST.model_copy(update={"schedule": "cosine", "warmup": 1})
    fit(settings)
    assert rates == [
        learning_rate(settings, epoch + (step + 0.5) / STEPS)
        for epoch in range(6)
        for step in range(STEPS)
    ]


def test_warm_up_that_fills_all_epochs_is_refused():
    with pytest.raises(ValueError, match="lower warmup"):
        Training(epochs=3, warmup=3)


# Precision, compilation, memory --------------------------------------------------------------------


def recurrent():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.out = nn.LSTM(2, 4, batch_first=True), nn.Linear(4, 1)

        def forward(self, rows):
            return self.out(self.layer(rows)[0][:, -1])[:, 0]

    return Net()


def test_bf16_trains_in_bfloat16_and_answers_in_float32():
    seen = []

    class Watched(nn.Linear):
        def forward(self, rows):
            found = super().forward(rows)
            seen.append((self.training, found.dtype))
            return found

    def builder():
        return nn.Sequential(nn.Flatten(), Watched(8, 1), nn.Flatten(0))

    net, _ = fit(
        Training(epochs=20, learning_rate=0.02, precision="bf16", device="cpu"), builder=builder
    )
    assert set(seen) == {(True, torch.bfloat16), (False, torch.float32)}
    assert weights(net).dtype == torch.float32
    later = windows(start=200, stop=300)
    assert np.corrcoef(predict_network(net, later, FAST), later.targets)[0, 1] > 0.9


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Training(precision="bf16", device="cpu"), "float32 on the CPU"),
        (Training(compile=True, device="cpu"), "set compile = false"),
    ],
)
def test_recurrent_net_refuses_what_its_layers_cannot_do(settings, said):
    with pytest.raises(ConfigError, match=said):
        fit(settings, builder=recurrent)


def test_compile_is_asked_of_torch_and_its_failure_is_not_swallowed(monkeypatch):
    def broken(net):
        def run(rows):
            raise RuntimeError("no compiler")

        return run

    monkeypatch.setattr(torch, "compile", broken)
    with pytest.raises(RuntimeError, match="no compiler"):
        fit(Training(epochs=1, compile=True))
    monkeypatch.setattr(torch, "compile", lambda net: net)
    compiled = fit(FAST.model_copy(update={"compile": True}))
    assert torch.equal(weights(compiled[0]), weights(fit()[0]))


@pytest.mark.parametrize("relative", [(), (1,), (0, 1)])
def test_rows_on_the_device_give_the_windows_that_numpy_gathers(relative):
    data = windows()
    data = replace(data, panel=replace(data.panel, relative=relative))
    which = np.array([3, 50, 3, 190])
    found = PanelRows(data.panel, torch.device("cpu")).windows(data, which)
    np.testing.assert_array_equal(found.numpy(), data.gather(which))


def test_rows_on_the_cpu_are_not_copied():
    panel = windows().panel
    assert PanelRows(panel, torch.device("cpu")).values.data_ptr() == panel.values.ctypes.data


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
