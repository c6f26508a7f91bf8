"""A noise component through the estimator."""

import dask.array as da
import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.base import clone
from sklearn.metrics import silhouette_score

import dgmm
from dgmm.errors import ConfigurationError, OutputError
from dgmm.mixture.structures import structure_of

WEIGHTS, SHARE = np.array([0.5, 0.3, 0.2]), 0.05
MEANS = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 7.0]])
KINDS = {
    "full": np.array(
        [[[1.0, 0.3], [0.3, 0.8]], [[0.5, 0.0], [0.0, 1.5]], [[1.0, -0.4], [-0.4, 1]]]
    ),
    "tied": np.array([[1.0, 0.3], [0.3, 0.8]]),
    "diag": np.array([[1.0, 0.8], [0.5, 1.5], [2.0, 0.4]]),
    "spherical": np.array([1.0, 0.5, 1.5]),
}
LOW, HIGH = -15.0, 20.0
DENSITY = -2 * np.log(HIGH - LOW)

each_kind = pytest.mark.parametrize("kind", KINDS)


def planted(kind, n_rows, seed=0):
    """Rows, and which of them are noise."""
    rng = np.random.default_rng(seed)
    matrices = structure_of(kind).matrices(KINDS[kind], 3, 2)
    labels = rng.choice(3, n_rows, p=WEIGHTS)
    roots = np.linalg.cholesky(matrices)
    rows = MEANS[labels] + np.einsum("nij,nj->ni", roots[labels], rng.normal(size=(n_rows, 2)))
    is_noise = rng.random(n_rows) < SHARE
    rows[is_noise] = rng.uniform(LOW, HIGH, (is_noise.sum(), 2))
    return rows, is_noise


def errors(found, n_rows):
    """How far weights and means are from those planted, in standard errors."""
    order = [int(np.argmin(((found.means_ - mean) ** 2).sum(axis=1))) for mean in MEANS]
    share = (1 - SHARE) * WEIGHTS
    of_weights = (found.weights_[order] - share) / np.sqrt(share * (1 - share) / n_rows)
    variances = structure_of(found.covariance_type).variances(KINDS[found.covariance_type], 3, 2)
    of_means = (found.means_[order] - MEANS) / np.sqrt(variances / (n_rows * share)[:, None])
    return np.abs(of_weights).max(), np.abs(of_means).max()


@each_kind
@pytest.mark.parametrize("noise", [DENSITY, "hypervolume"])
def test_parameters_are_within_three_standard_errors(kind, noise):
    rows, is_noise = planted(kind, 20_000)
    found = dgmm.GaussianMixture(3, covariance_type=kind, noise=noise, random_state=0).fit(rows)
    of_weights, of_means = errors(found, len(rows))
    assert of_weights < 3
    assert of_means < 3
    assert found.noise_weight_ == pytest.approx(SHARE, abs=0.005)
    labels = found.predict(rows)
    assert (labels[is_noise] == -1).mean() > 0.85
    assert (labels[~is_noise] == -1).mean() < 0.005
    without = dgmm.GaussianMixture(3, covariance_type=kind, random_state=0).fit(rows)
    assert max(errors(without, len(rows))) > 10


def test_the_density_can_be_tuned():
    rows, _ = planted("full", 20_000)
    found = dgmm.GaussianMixture(3, noise="otrimle", random_state=0).fit(rows)
    assert max(errors(found, len(rows))) < 5
    assert found.noise_weight_ == pytest.approx(SHARE, abs=0.01)


def test_noise_leaves_the_number_of_components_as_planted():
    rows, _ = planted("full", 20_000)
    found = dgmm.sweep(rows, range(1, 6), "full", noise="hypervolume", random_state=0)
    assert found.best.n_components == 3
    with pytest.warns(UserWarning, match="largest number"):
        found = dgmm.sweep(rows, range(1, 6), "full", random_state=0)
    assert found.best.n_components == 5


@pytest.fixture(scope="module")
def fitted():
    rows, _ = planted("full", 5_000)
    return rows, dgmm.GaussianMixture(3, noise=DENSITY, random_state=0).fit(rows)


def test_probabilities_leave_out_those_of_noise(fitted):
    rows, found = fitted
    total = found.predict_proba(rows).sum(axis=1)
    log_noise = np.log(found.noise_weight_) + found.noise_log_density_
    expected = 1 - np.exp(log_noise - found.score_samples(rows))
    np.testing.assert_allclose(total, expected, atol=1e-12)
    assert found.weights_.sum() + found.noise_weight_ == pytest.approx(1.0)
    np.testing.assert_allclose(found.lower_bound_, found.score(rows), rtol=1e-12)
    n_parameters = 3 * 6 - 1 + 1
    bic = -2 * len(rows) * found.score(rows) + n_parameters * np.log(len(rows))
    assert found.bic_ == pytest.approx(bic)
    assert found.bic(rows) == pytest.approx(bic)
    assert found.icl(rows) == pytest.approx(found.icl_)


def test_blocks_find_the_same(fitted):
    rows, found = fitted
    lazy = clone(found).fit(da.from_array(rows, chunks=(1_000, 2)))
    np.testing.assert_allclose(lazy.means_, found.means_, rtol=1e-6)
    assert lazy.noise_weight_ == pytest.approx(found.noise_weight_, rel=1e-6)


def test_a_warm_start_goes_on_with_the_noise(fitted):
    rows, found = fitted
    again = clone(found).set_params(warm_start=True).fit(rows)
    bound = again.lower_bound_
    again.fit(rows)
    assert again.n_iter_ <= 1
    assert again.lower_bound_ >= bound - 1e-12


def test_incomplete_rows_have_no_density_beside_noise(fitted):
    rows, found = fitted
    asked = clone(found).fit(rows).set_params(noise=None, missing="marginalize")
    with pytest.raises(ValueError, match="noise is set; a uniform density"):
        asked.score_samples([[0.0, np.nan]])
    assert asked.fit(rows).score([[0.0, np.nan]]) < 0


def test_noise_is_no_cluster_of_a_silhouette():
    rows, _ = planted("full", 2_000)
    found = dgmm.sweep(rows, 3, "full", noise=DENSITY, criterion="silhouette", random_state=0)
    labels = found.best.predict(rows)
    own = labels >= 0
    assert not own.all()
    expected = silhouette_score(rows[own], labels[own])
    assert found.silhouettes["full-3"] == pytest.approx(expected, rel=1e-9)


def test_means_are_drawn_beside_those_of_the_components():
    rows, _ = planted("full", 5_000)
    rows += 1_000.0
    found = dgmm.sweep(rows, 3, "full", noise=DENSITY, random_state=0)
    image = found.plot.heat_map(ax=Figure().add_subplot()).images[0]
    clean = rows[found.best.predict(rows) >= 0]
    expected = (found.best.means_ - clean.mean(axis=0)) / clean.std(axis=0)
    np.testing.assert_allclose(image.get_array(), expected, atol=0.02)


def test_another_fit_forgets_the_noise(fitted):
    rows, found = fitted
    again = clone(found).fit(rows).set_params(noise=None).fit(rows)
    assert not hasattr(again, "noise_weight_")
    assert again.weights_.sum() == pytest.approx(1.0)


def test_steps_move_the_weight_of_noise(fitted):
    rows, found = fitted
    clean = rows[found.predict(rows) >= 0]
    again = clone(found).fit(rows).partial_fit(clean)
    assert 0.01 < again.noise_weight_ < found.noise_weight_ - 0.005
    assert again.weights_.sum() + again.noise_weight_ == pytest.approx(1.0)


def test_noise_is_stored(fitted, tmp_path):
    rows, found = fitted
    found.to_zarr(tmp_path / "mixture.zarr")
    again = dgmm.GaussianMixture.from_zarr(tmp_path / "mixture.zarr")
    assert again.noise == DENSITY
    np.testing.assert_array_equal(again.predict(rows), found.predict(rows))


def test_samples_are_of_the_components(fitted):
    _, found = fitted
    rows, labels = found.sample(1_000)
    assert rows.shape == (1_000, 2)
    assert set(labels.tolist()) == {0, 1, 2}


def test_scikit_learn_has_no_noise(fitted):
    with pytest.raises(OutputError, match="no noise component"):
        fitted[1].to_sklearn()


@pytest.mark.parametrize("noise", ["uniform", np.inf, [1.0]])
def test_other_noise_is_refused(noise):
    with pytest.raises(ConfigurationError, match="noise is"):
        dgmm.GaussianMixture(2, noise=noise).fit(np.eye(4))


def test_rows_without_volume_are_refused():
    rows = np.column_stack([np.arange(50.0), np.ones(50)])
    with pytest.raises(ValueError, match="no volume"):
        dgmm.GaussianMixture(2, noise="hypervolume").fit(rows)
