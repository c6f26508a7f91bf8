"""mclust's fourteen structures through the estimator: EM, its laws, and what an estimator does."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dgmm
from dgmm.mixture.structures import structure_of
from dgmm.registry import ALIASES, STRUCTURES
from tests import reference
from tests.reference import Mixture

NEW = ("EII", "EEI", "VEI", "EVI", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV")
each_new = pytest.mark.parametrize("kind", NEW)


def clumps(n_rows=400, seed=0):
    """Three groups whose covariances differ in volume, shape and orientation."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n_rows)
    roots = rng.normal(size=(3, 3, 3)) / np.sqrt(3) + 0.3 * np.eye(3)
    noise = np.einsum("nij,nj->ni", roots[labels], rng.normal(size=(n_rows, 3)))
    return 4.0 * rng.normal(size=(3, 3))[labels] + noise


def written_out(model):
    structure = structure_of(model.covariance_type)
    matrices = structure.matrices(model.covariances_, *model.means_.shape)
    return Mixture("full", model.weights_, model.means_, np.array(matrices))


def parts(matrices):
    """Volumes, shapes and axes; eigenvalues in decreasing order."""
    values, axes = np.linalg.eigh(matrices)
    volumes = np.exp(np.log(values).mean(axis=1))
    return volumes, values / volumes[:, None], axes


@pytest.fixture(scope="module", params=NEW)
def fitted(request):
    return dgmm.GaussianMixture(3, covariance_type=request.param, tol=1e-9, random_state=0).fit(
        clumps()
    )


def test_its_likelihood_rises_to_a_maximum(fitted):
    X = clumps()
    assert fitted.converged_
    assert (np.diff(fitted.lower_bounds_) >= -1e-12).all()
    before = written_out(fitted)
    assert fitted.score(X) * len(X) == pytest.approx(reference.log_likelihood(X, before), rel=1e-9)
    assert_allclose(fitted.predict_proba(X), reference.responsibilities(X, before), atol=1e-9)
    free = reference.em_step(X, before)  # weights and means have no constraint
    assert_allclose(free.weights, fitted.weights_, atol=1e-4)
    assert_allclose(free.means, fitted.means_, atol=1e-3)


def test_its_covariances_are_of_the_structure(fitted):
    matrices = written_out(fitted).covariances
    volumes, shapes, axes = parts(matrices)
    volume, shape, orientation = fitted.covariance_type
    if volume == "E":
        assert_allclose(volumes, volumes[0], rtol=1e-9)
    if shape != "V":
        assert_allclose(shapes, np.ones((3, 3)) if shape == "I" else shapes[[0] * 3], rtol=1e-7)
    if orientation == "I":
        assert_array_equal(matrices, matrices * np.eye(3))
    if orientation == "E":
        rotated = axes[0].T @ matrices @ axes[0]
        assert_allclose(rotated * (1 - np.eye(3)), 0.0, atol=1e-7 * np.abs(matrices).max())


def test_likelihoods_are_nested():
    """Whatever a letter frees gains likelihood, as long as starts find the maxima."""
    values = {
        kind: dgmm.GaussianMixture(2, covariance_type=kind, random_state=0)
        .fit(clumps())
        .score(clumps())
        for kind in STRUCTURES
    }
    wider = {
        "EII": ("spherical", "EEI"),
        "EEI": ("VEI", "EVI", "tied"),
        "VEI": ("diag", "VEE"),
        "EVI": ("diag", "EVE"),
        "tied": ("VEE", "EVE", "EEV"),
        "VEE": ("VVE", "VEV"),
        "EVE": ("VVE", "EVV"),
        "EEV": ("VEV", "EVV"),
        "VVE": ("full",),
        "VEV": ("full",),
        "EVV": ("full",),
    }
    for kind, others in wider.items():
        for other in others:
            assert values[other] >= values[kind] - 1e-5, (kind, other)


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_mclusts_names_are_those_of_scikit_learn(alias, name):
    X = clumps(100)
    ours = dgmm.GaussianMixture(2, covariance_type=alias, random_state=0).fit(X)
    theirs = dgmm.GaussianMixture(2, covariance_type=name, random_state=0).fit(X)
    assert_array_equal(ours.covariances_, theirs.covariances_)
    assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.get_params()["covariance_type"] == alias
    found = dgmm.sweep(X, 1, (alias, name), random_state=0)
    assert [result.covariance_type for result in found.results] == [name]
    assert found.model(alias, 1).covariance_type == name


@each_new
def test_an_estimator_has_all_its_methods(kind, tmp_path):
    X = clumps()
    model = dgmm.GaussianMixture(2, covariance_type=kind, random_state=0).fit(X)
    joint = written_out(model)
    part = model.marginal([2, 0])
    assert_allclose(
        written_out(part).covariances, joint.covariances[:, [2, 0]][:, :, [2, 0]], atol=1e-12
    )
    given = model.condition([1], [X[0, 1]])
    assert written_out(given).covariances.shape == (2, 2, 2)
    density = reference.log_densities(X[:1], joint) - part_density(model, X[0, 1])
    assert_allclose(given.score_samples(X[:1, [0, 2]]), density, rtol=1e-9)
    model.to_zarr(tmp_path / "mixture.zarr")
    again = dgmm.GaussianMixture.from_zarr(tmp_path / "mixture.zarr")
    assert_array_equal(again.score_samples(X), model.score_samples(X))
    score = model.score(X)
    model.partial_fit(clumps(seed=1)[:50])
    assert model.score(X) == pytest.approx(score, abs=1.0)
    again = dgmm.GaussianMixture(2, covariance_type=kind, init_params=again).fit(X)
    assert again.score(X) == pytest.approx(score, abs=1e-5)


@pytest.mark.parametrize(("kind", "expected"), [("VEV", "full"), ("EVI", "diag"), ("VEE", "VEE")])
def test_a_part_is_of_a_structure_to_which_it_belongs(kind, expected):
    X = clumps()
    model = dgmm.GaussianMixture(3, covariance_type=kind, random_state=0).fit(X)
    part = model.marginal([0, 1])
    assert part.covariance_type == expected
    n_parameters = structure_of(expected).n_parameters(3, 2)
    bic = -2 * len(X) * part.score(X[:, :2]) + n_parameters * np.log(len(X))
    assert part.bic(X[:, :2]) == pytest.approx(bic)
    assert model.condition([2], [0.0]).covariance_type == expected


@pytest.mark.parametrize("kind", NEW[2:])  # of the first two any array of the shape is
def test_given_precisions_become_those_of_the_structure(kind):
    X = clumps()
    wide = "diag" if structure_of(kind).is_diagonal else "full"
    start = dgmm.GaussianMixture(3, covariance_type=wide, random_state=0).fit(X)
    structure = structure_of(kind)
    found = dgmm.GaussianMixture(3, covariance_type=kind, max_iter=0)
    found.set_params(weights_init=start.weights_, means_init=start.means_)
    found.set_params(precisions_init=start.precisions_).fit(X)
    nearest = structure.constrain(start.covariances_, start.weights_, None)
    assert_allclose(found.covariances_, nearest, rtol=1e-6)


@pytest.mark.parametrize("kind", ["EEV", "VEV"])
def test_features_in_very_different_units_are_fitted(kind):
    X = clumps(60) * [1e-9, 1.0, 1e9]
    found = dgmm.GaussianMixture(3, covariance_type=kind, random_state=0).fit(X)
    assert np.isfinite(found.lower_bound_)
    assert (found.covariances_ == found.covariances_.transpose(0, 2, 1)).all()


def part_density(model, value):
    return model.marginal([1]).score_samples([[value]])
