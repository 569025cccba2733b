import numpy as np
import pytest

from qushi.sentiment.study._shuffles import (
    block_length,
    maxima,
    share_beyond,
    share_of_maxima,
    shuffled_dates,
    step_down,
)


def test_shuffles_take_every_session_once_and_leave_the_true_dates():
    by = shuffled_dates(250, 60, seed=1)
    assert by.shape == (60, 250)
    assert (np.sort(by, axis=1) == np.arange(250)).all()
    stayed = (by == np.arange(250)).mean()
    assert stayed < 0.05
    np.testing.assert_array_equal(by, shuffled_dates(250, 60, seed=1))
    assert not np.array_equal(by, shuffled_dates(250, 60, seed=2))


def test_shuffles_keep_neighbours_together_but_at_the_joints():
    by = shuffled_dates(400, 50, seed=0)
    together = np.diff(by, axis=1) % 400 == 1
    joints = 400 / block_length(400)
    assert block_length(400) == 40
    assert ((~together).sum(axis=1) <= joints + 1).all()
    wander = np.cumsum(np.random.default_rng(0).normal(size=400))
    before = np.corrcoef(wander[1:], wander[:-1])[0, 1]
    after = np.mean([np.corrcoef(wander[row][1:], wander[row][:-1])[0, 1] for row in by])
    assert after > before - 0.15


def test_share_beyond_counts_the_found_one_among_all():
    chance = np.array([[1.0, -3.0], [0.5, 2.0], [-2.0, 0.0]])
    p = share_beyond(np.array([1.5, np.nan]), chance)
    assert p[0] == pytest.approx(2 / 4)
    assert np.isnan(p[1])


def test_p_of_maxima_pays_for_the_looks():
    random = np.random.default_rng(4)
    chance = random.normal(size=(999, 20))
    alone = share_beyond(np.array([2.5]), chance[:, :1])[0]
    family = share_of_maxima(2.5, maxima(chance))
    assert alone < 0.03
    assert 0.1 < family < 0.4  # of 20 normals one reaches 2.5 in 22 % of the cases
    assert np.isnan(share_of_maxima(float("nan"), maxima(chance)))


def test_step_down_of_one_family_is_its_own_p_and_of_copies_too():
    random = np.random.default_rng(5)
    chance = np.abs(random.normal(size=(499, 1)))
    own = share_of_maxima(2.0, chance[:, 0])
    assert step_down(np.array([2.0]), chance)[0] == pytest.approx(own)
    copies = step_down(np.array([2.0, 2.0, 2.0]), np.repeat(chance, 3, axis=1))
    np.testing.assert_allclose(copies, own)


def test_step_down_of_independent_families_costs_as_many_and_keeps_the_order():
    random = np.random.default_rng(6)
    chance = np.abs(random.normal(size=(1999, 5)))
    found = np.array([3.2, 0.5, 1.0, np.nan, 2.0])
    joint = step_down(found, chance)
    alone = np.array([share_of_maxima(t, chance[:, k]) for k, t in enumerate(found)])
    assert np.isnan(joint[3])
    assert joint[0] == pytest.approx(1 - (1 - alone[0]) ** 4, rel=0.5)
    kept = [0, 4, 2, 1]
    assert (np.diff(joint[kept]) >= 0).all()
    assert (joint[kept] >= alone[kept] - 1e-12).all()
