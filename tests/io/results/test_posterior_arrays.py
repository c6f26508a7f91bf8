"""The posterior of a Bayesian mixture on disk, and in a checkpoint."""

from dataclasses import fields

import numpy as np
import pytest
import zarr

from dgmm.errors import OutputError
from dgmm.io.results.checkpoint_files import CLASSES
from dgmm.io.results.posterior_arrays import StoredPosterior, read_posterior, write_posterior
from dgmm.io.storage.value_file import read_value, write_value
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.prior_knowledge.prior_name import BAYESIAN_TYPES, STICKS
from dgmm.mixture.structures import structure_of
from dgmm.mixture.variational.posterior import VariationalPosterior
from dgmm.mixture.variational.prior_options import PriorOptions
from dgmm.mixture.variational.variational_state import VariationalState

K, D = 3, 2


def state_of(kind, weights):
    rng, shape = np.random.default_rng(0), structure_of(kind).shape(K, D)
    matrices = np.broadcast_to(np.eye(D) if kind in ("full", "tied") else 1.0, shape)
    covariances = matrices * (
        2.0 if kind == "tied" else rng.uniform(1, 2, (K,) + (1,) * (len(shape) - 1))
    )
    mixture = Parameters.from_covariances(
        kind, rng.dirichlet(np.ones(K)), rng.normal(size=(K, D)), covariances
    )
    prior = PriorOptions(weights).prior_for(kind, K, np.ones(D), 9 * np.eye(D), 10.0)
    concentration = rng.random((2, K) if weights == STICKS else K)
    degrees = np.asarray(5.5) if kind == "tied" else rng.uniform(3, 9, K)
    posterior = VariationalPosterior(prior, concentration, rng.random(K) + 1, degrees, mixture)
    return VariationalState(posterior, (-3.0, -2.5), is_converged=True)


def leaves(value):
    """Every array and number of a posterior, by name."""
    found = {}
    for field in fields(value):
        part = getattr(value, field.name)
        if hasattr(part, "__dataclass_fields__"):
            found |= {f"{field.name}.{name}": leaf for name, leaf in leaves(part).items()}
        else:
            found[field.name] = part
    return found


def assert_same(one, other):
    one, other = leaves(one), leaves(other)
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)
        assert np.shape(value) == np.shape(other[name]), name


@pytest.mark.parametrize("weights", [STICKS, "dirichlet_distribution"])
@pytest.mark.parametrize("kind", BAYESIAN_TYPES)
def test_a_posterior_comes_back_bit_for_bit(tmp_path, kind, weights):
    state = state_of(kind, weights)
    write_posterior(tmp_path, StoredPosterior(state, (1, -1, 0)), ("a", "b"))
    found = read_posterior(tmp_path)
    assert found.labels == (1, -1, 0)
    assert_same(found.state, state)
    write_value(tmp_path / "state", state, CLASSES)
    assert_same(read_value(tmp_path / "state", CLASSES)[0], state)


def test_runs_of_other_mixtures_have_none(tmp_path):
    assert read_posterior(tmp_path) is None


def test_a_posterior_of_another_version_is_refused(tmp_path):
    write_posterior(tmp_path, StoredPosterior(state_of("full", STICKS), (0, 1, 2)), ("a", "b"))
    del zarr.open_group(tmp_path / "posterior").attrs["converged"]
    with pytest.raises(OutputError, match="is not what this version of dgmm writes: KeyError"):
        read_posterior(tmp_path)
