"""Which models may still be chosen, by what is known of others."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from dgmm.engine.search.found_mixtures import FoundMixtures
from dgmm.engine.search.prospects import Prospects
from dgmm.mixture.parameters import Parameters
from tests.engine.search.test_model_search import search_on
from tests.strategies import random_mixture

RNG = np.random.default_rng(0)


@dataclass
class LikelyRows:
    """Ten rows under which every mixture is as likely."""

    value: float

    @property
    def scatter(self):
        return SimpleNamespace(total_weight=10.0)

    def expect(self, _):
        return SimpleNamespace(objective=10 * self.value)


def found_with(*given, **options):
    """Mixtures that are found, with their log-likelihoods per row."""
    rows = RNG.normal(size=(10, 2))
    search = search_on(rows, *((kind, k) for kind, k, _ in given), **options)
    found = FoundMixtures(search.options, search.rules, Prospects(search.options, 1000.0, 2))
    for kind, k, value in given:
        mixture = Parameters.from_covariances(*random_mixture(RNG, rows, kind, k))
        assert found.add(LikelyRows(value), mixture)
    return found


@pytest.mark.parametrize(
    ("smaller", "options", "expected"),
    [
        (5, {}, True),
        (4, {}, False),  # 8 nats for 3 parameters are 0.008 a row
        (4, {"finish_all": True}, True),
        (4, {"criterion": "icl"}, True),  # which likelihoods do not bound
        (4, {"prior": "conjugate"}, True),  # of which criteria know nothing
    ],
)
def test_a_model_may_be_chosen_if_it_would_be_as_likely_as_the_next(smaller, options, expected):
    values = [("diag", 7, -1.0), ("diag", 6, -1.0), ("diag", 5, -1.1)]
    found = found_with(*values, **options)
    assert found.may_be_chosen("diag", smaller) is expected


@pytest.mark.parametrize(
    ("larger", "gain", "expected"),
    [
        (4, 0.0, True),  # one component may look like a part of another
        (5, 0.0, False),
        (5, 0.01, True),  # six times that is more than 10 parameters cost
    ],
)
def test_a_much_larger_model_may_be_chosen_if_splits_gain_enough(larger, gain, expected):
    found = found_with(("diag", larger, -1.0), ("diag", 3, -1.0))
    found.note_gains("diag", 3, [0.0, gain, gain])
    assert found.may_be_chosen("diag", larger) is expected


def test_a_model_that_lacks_too_much_of_the_next_larger_one_is_not_chosen():
    found = found_with(("diag", 5, -1.0), ("diag", 4, -5.0))
    assert not found.may_be_chosen("diag", 4)


@pytest.mark.parametrize(
    ("gain", "options", "expected"),
    [
        (0.01, {}, False),  # three times the better half of splits: 0.06 of the 0.8 that it lacks
        (0.2, {}, True),  # 1.2 of it
        (0.01, {"finish_all": True}, True),
        (0.01, {"criterion": "icl"}, True),
        (0.01, {"prior": "conjugate"}, True),
    ],
)
def test_a_structure_far_behind_may_be_chosen_if_its_splits_gain_enough(gain, options, expected):
    found = found_with(("full", 3, -1.0), ("diag", 4, -1.8), ("diag", 2, -2.5), **options)
    found.note_gains("diag", 4, [0.0, gain, gain, 0.0])
    assert found.is_hopeless("diag", [4, 2]) is not expected


def test_a_structure_whose_splits_are_not_known_may_be_chosen():
    found = found_with(("full", 3, -1.0), ("diag", 4, -1.8))
    found.note_gains("diag", 3, [0.0, 0.0, 0.0])
    assert not found.is_hopeless("diag", [4])


def state_of(value, remaining_gain=0.0):
    return SimpleNamespace(trace=(value,), search=SimpleNamespace(remaining_gain=remaining_gain))


@pytest.mark.parametrize(
    ("state", "options", "expected"),
    [
        (state_of(-3.1), {}, False),
        (state_of(-3.1, np.inf), {}, True),  # there is no prediction yet
        (state_of(-3.1, 0.03), {}, True),  # five times that, and its parameters cost 0.02
        (state_of(-3.1, 0.01), {}, False),
        (state_of(-3.1), {"finish_all": True}, True),
        (state_of(-3.1), {"prior": "conjugate"}, True),
    ],
)
def test_em_goes_on_while_its_model_may_become_the_choice(state, options, expected):
    found = found_with(("diag", 3, -1.0), ("diag", 4, -1.1), **options)
    rows = LikelyRows(-3.0)  # on which the best mixture is less likely than on all
    assert found.win_rule(rows, ("diag", 4))(state) is expected


def test_before_any_mixture_is_found_em_goes_on():
    found = found_with(("diag", 3, -1.0))
    found._values.clear()
    assert found.win_rule(LikelyRows(-1.0), ("diag", 3))(state_of(-9.0))
