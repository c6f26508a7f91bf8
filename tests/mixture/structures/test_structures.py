import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.mixture import GaussianMixture

from dgmm.mixture import feature_map
from dgmm.mixture.linear_algebra import precision_factors
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import RELATIVE_FLOOR, Regularization
from dgmm.mixture.structures import structure_of
from dgmm.registry import ALIASES, STRUCTURES
from tests import reference
from tests.mixture.structures.test_references import REFERENCES
from tests.strategies import COVARIANCE_TYPES, datasets, mixtures, random_mixture

each_type = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)


def drawn(covariance_type, n_components=3, n_features=4, seed=0):
    rng = np.random.default_rng(seed)
    return random_mixture(rng, rng.normal(size=(50, n_features)), covariance_type, n_components)


def parameters_of(mixture):
    return Parameters.from_covariances(*mixture)


def regularization(ridge=0.0, floor=1e-9, n_features=4):
    return Regularization(np.full(n_features, ridge), np.full(n_features, floor))


def test_structures_have_scikit_learns_names_and_else_mclusts():
    assert {*STRUCTURES, *ALIASES} - {*COVARIANCE_TYPES} == set(REFERENCES["iris"])
    assert set(ALIASES.values()) == set(COVARIANCE_TYPES)
    for alias, name in ALIASES.items():
        assert structure_of(alias) is structure_of(name)


def test_an_unknown_structure_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'banded'; expected one of 'full', 'tied', 'diag'"):
        structure_of("banded")


@each_type
@pytest.mark.parametrize(("n_components", "n_features"), [(1, 1), (1, 3), (4, 1), (3, 5)])
def test_parameter_counts_are_scikit_learns(covariance_type, n_components, n_features):
    X = np.random.default_rng(0).normal(size=(40, n_features))
    model = GaussianMixture(n_components, covariance_type=covariance_type, tol=0.1).fit(X)
    # aic is -2 log L + 2 p: what it adds to the log-likelihood is the count
    theirs = round((model.aic(X) + 2 * model.score(X) * len(X)) / 2)
    covariances = structure_of(covariance_type).n_covariance_parameters(n_components, n_features)
    assert covariances + n_components * n_features + n_components - 1 == theirs


@given(st.data())
def test_precision_factors_invert_the_covariances(data):
    mixture = data.draw(mixtures(data.draw(datasets())))
    parameters = parameters_of(mixture)
    k, d = mixture.means.shape
    factors = parameters.factor_matrices
    for component in range(k):
        factor = factors[component]
        assert np.array_equal(factor, np.triu(factor))
        assert (np.diagonal(factor) > 0).all()
        covariance = reference.covariance_of(mixture, component)
        np.testing.assert_allclose(factor.T @ covariance @ factor, np.eye(d), atol=1e-12)


def test_many_covariances_have_the_factors_that_each_has_by_itself():
    rng = np.random.default_rng(4)
    roots = rng.normal(size=(30, 5, 5)) * np.geomspace(1e-6, 1e6, 5)[:, None]
    covariances = roots @ roots.transpose(0, 2, 1)
    together = precision_factors(covariances)
    for covariance, factor in zip(covariances, together, strict=True):
        assert np.array_equal(factor, np.triu(factor))
        np.testing.assert_allclose(factor, precision_factors(covariance[None])[0], rtol=1e-12)


@each_type
def test_factors_and_shapes_are_scikit_learns(covariance_type):
    X = np.random.default_rng(3).normal(size=(200, 4))
    model = GaussianMixture(3, covariance_type=covariance_type, tol=0.1, random_state=0).fit(X)
    ours = Parameters.from_covariances(
        covariance_type, model.weights_, model.means_, model.covariances_
    )
    assert ours.precisions_cholesky.shape == model.precisions_cholesky_.shape
    np.testing.assert_allclose(
        ours.precisions_cholesky, model.precisions_cholesky_, rtol=1e-12, atol=1e-13
    )


@each_type
def test_matrices_are_the_covariances_written_out(covariance_type):
    mixture = drawn(covariance_type)
    matrices = structure_of(covariance_type).matrices(mixture.covariances, 3, 4)
    assert matrices.shape == (3, 4, 4)
    for k in range(3):
        assert np.array_equal(matrices[k], reference.covariance_of(mixture, k))


@each_type
def test_log_determinants(covariance_type):
    mixture = drawn(covariance_type)
    factors = parameters_of(mixture).precisions_cholesky
    ours = structure_of(covariance_type).log_determinants(factors, 3, 4)
    theirs = [np.linalg.slogdet(reference.covariance_of(mixture, k))[1] for k in range(3)]
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)


@each_type
def test_whitened_deviations_have_the_mahalanobis_length(covariance_type):
    mixture = drawn(covariance_type)
    factors = parameters_of(mixture).precisions_cholesky
    deviations = np.random.default_rng(1).normal(size=(4, 10))
    for k in range(3):
        white = structure_of(covariance_type).whiten(deviations, factors, k)
        assert white.shape == (4, 10)
        covariance = reference.covariance_of(mixture, k)
        lengths = (deviations * np.linalg.solve(covariance, deviations)).sum(axis=0)
        np.testing.assert_allclose((white**2).sum(axis=0), lengths, rtol=1e-12)


@pytest.mark.parametrize("covariance_type", ["full", "tied"])
def test_a_matrix_that_is_not_positive_definite_has_no_factor(covariance_type):
    matrix = np.array([[1.0, 2.0], [2.0, 1.0]])
    covariances = matrix if covariance_type == "tied" else matrix[None]
    with pytest.raises(np.linalg.LinAlgError):
        structure_of(covariance_type).precisions_cholesky(covariances)


@pytest.mark.parametrize(
    ("covariance_type", "covariances"),
    [("diag", [[1.0, 0.0]]), ("spherical", [-1.0]), ("diag", [[1.0, np.nan]])],
)
def test_a_variance_that_is_not_positive_has_no_factor(covariance_type, covariances):
    with pytest.raises(np.linalg.LinAlgError, match="expected a positive number"):
        structure_of(covariance_type).precisions_cholesky(np.array(covariances))


@each_type
def test_the_ridge_is_added_to_every_variance(covariance_type):
    mixture = drawn(covariance_type)
    structure = structure_of(covariance_type)
    ours = structure.matrices(
        structure.regularize(mixture.covariances, regularization(ridge=0.5)), 3, 4
    )
    plain = structure.matrices(mixture.covariances, 3, 4)
    np.testing.assert_allclose(ours, plain + 0.5 * np.eye(4), rtol=1e-15)


@each_type
def test_a_floor_below_every_variance_changes_no_bit(covariance_type):
    mixture = drawn(covariance_type)
    ours = structure_of(covariance_type).regularize(mixture.covariances, regularization(floor=1e-6))
    assert np.array_equal(ours, mixture.covariances)


@each_type
def test_the_floor_raises_only_what_is_below_it(covariance_type):
    """A flat direction is raised to the floor; the others keep their variance."""
    structure = structure_of(covariance_type)
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    flat = (rotation * [3.0, 2.0, 1.0, 1e-9]) @ rotation.T
    given_, raised = {
        "full": (flat[None], [1e-3, 1.0, 2.0, 3.0]),
        "tied": (flat, [1e-3, 1.0, 2.0, 3.0]),
        "diag": (np.array([[3.0, 2.0, 1.0, 0.0]]), [1e-3, 1.0, 2.0, 3.0]),
        "spherical": (np.array([1e-9]), [1e-3] * 4),
    }[covariance_type]
    ours = structure.regularize(given_, regularization(floor=1e-3))
    eigenvalues = np.linalg.eigvalsh(structure.matrices(ours, 1, 4)[0])
    np.testing.assert_allclose(eigenvalues, raised, rtol=1e-12)
    structure.precisions_cholesky(ours)


@each_type
def test_one_row_has_a_covariance_at_the_floor(covariance_type):
    """Zero scatter is the extreme of collapse."""
    structure = structure_of(covariance_type)
    zero = np.zeros_like(drawn(covariance_type).covariances)
    ours = structure.matrices(structure.regularize(zero, regularization(floor=0.25)), 3, 4)
    np.testing.assert_allclose(ours, np.tile(0.25 * np.eye(4), (3, 1, 1)), rtol=1e-15)


def test_default_regularization_follows_the_units_of_each_feature():
    covariance = np.diag([1e-24, 1.0, 1e24])
    ours = Regularization.for_data(covariance, np.zeros(3))
    assert np.array_equal(ours.ridge, np.zeros(3))
    assert np.array_equal(ours.floor, RELATIVE_FLOOR * np.array([1e-24, 1.0, 1e24]))


def test_a_given_reg_covar_is_added_in_data_units():
    ours = Regularization.for_data(np.diag([1e-24, 1e24]), np.zeros(2), reg_covar=1e-3)
    assert np.array_equal(ours.ridge, [1e-3, 1e-3])


@pytest.mark.parametrize(
    ("variances", "mean", "floor"),
    [
        ([4.0, 0.0], [0.0, 7.0], 4.0),  # borrows the scale of the others
        ([4.0, 1e-30], [0.0, 7.0], 4.0),  # what is left of a constant after rounding
        ([0.0, 0.0], [3.0, 0.1], None),  # nobody has a scale: the means'
    ],
)
def test_a_constant_feature_has_a_positive_floor(variances, mean, floor):
    ours = Regularization.for_data(np.diag(variances), np.array(mean))
    expected = np.array([floor, floor]) if floor else np.array([9.0, 1.0])
    np.testing.assert_allclose(ours.floor, RELATIVE_FLOOR * expected, rtol=1e-15)


@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_feature_map_is_1_x_squares_and_crosses(d, seed):
    x = np.random.default_rng(seed).normal(size=d)
    expected = [1.0, *x, *(x * x), *(x[i] * x[j] for i in range(d) for j in range(i + 1, d))]
    for order in (feature_map.LINEAR, feature_map.SQUARES, feature_map.CROSSES):
        length = feature_map.length(order, d)
        left, right = feature_map.factors(order, d)
        linear = np.array([1.0, *x])
        assert np.array_equal(linear[left] * linear[right], expected[:length])
    assert length == len(expected)


@given(st.integers(1, 6), st.integers(1, 4))
def test_packing_symmetric_matrices_keeps_every_entry(d, n_components):
    rng = np.random.default_rng(d)
    matrices = rng.normal(size=(n_components, d, d))
    matrices = matrices + matrices.swapaxes(1, 2)
    packed = feature_map.pack_symmetric(matrices)
    assert packed.shape == (n_components, d * (d + 1) // 2)
    assert np.array_equal(feature_map.unpack_symmetric(packed, d), matrices)


@each_type
def test_arrays_have_the_dimensions_that_the_structure_names(covariance_type):
    structure = structure_of(covariance_type)
    mixture = parameters_of(drawn(covariance_type))
    assert structure.shape(3, 4) == mixture.covariances.shape == mixture.precisions_cholesky.shape
    assert len(structure.dimensions) == mixture.covariances.ndim


@pytest.mark.parametrize(
    ("covariance_type", "expected"),
    [("full", 1 + 4 + 10), ("tied", 1 + 4), ("diag", 1 + 4 + 4), ("spherical", 1 + 4 + 1)],
)
def test_parameters_of_one_component_more(covariance_type, expected):
    assert structure_of(covariance_type).n_component_parameters(4) == expected


@each_type
def test_what_parameters_tell_of_their_covariances(covariance_type):
    mixture = parameters_of(drawn(covariance_type))
    expected = [reference.covariance_of(mixture, k) for k in range(3)]
    assert np.array_equal(mixture.matrices, expected)
    np.testing.assert_array_equal(mixture.variances, [np.diag(matrix) for matrix in expected])
    np.testing.assert_allclose(mixture.log_determinants, np.linalg.slogdet(expected)[1], rtol=1e-12)
    precisions = mixture.structure.matrices(mixture.precisions, 3, 4)
    np.testing.assert_allclose(precisions, np.linalg.inv(expected), rtol=1e-10, atol=1e-12)


@each_type
def test_regression_is_that_of_the_joint_gaussian(covariance_type):
    """Slopes S_kk^-1 S_ko and covariances S_oo - S_ok S_kk^-1 S_ko (Bishop 2006, sec. 2.3.1)."""
    mixture, known, other = parameters_of(drawn(covariance_type)), [2, 0], [1, 3]
    structure = mixture.structure
    slopes, residuals = structure.regress(mixture.covariances, known, other)
    for k in range(3):
        joint = reference.covariance_of(mixture, k)
        expected = np.linalg.solve(joint[np.ix_(known, known)], joint[np.ix_(known, other)])
        ours = slopes[k] if slopes.ndim == 3 else slopes
        np.testing.assert_allclose(ours, expected, atol=1e-12)
        left = joint[np.ix_(other, other)] - joint[np.ix_(other, known)] @ expected
        np.testing.assert_allclose(structure.matrices(residuals, 3, 2)[k], left, atol=1e-12)
        part = structure.matrices(structure.marginal(mixture.covariances, known), 3, 2)[k]
        assert np.array_equal(part, joint[np.ix_(known, known)])


@each_type
def test_ordered_puts_the_heaviest_first_and_keeps_ties_in_place(covariance_type):
    mixture = drawn(covariance_type, n_components=4)
    parameters = parameters_of(mixture._replace(weights=np.array([0.2, 0.3, 0.2, 0.3])))
    ordered = parameters.sort_by_weight()
    order = [1, 3, 0, 2]
    assert np.array_equal(ordered.weights, [0.3, 0.3, 0.2, 0.2])
    assert np.array_equal(ordered.means, mixture.means[order])
    if covariance_type == "tied":
        assert np.array_equal(ordered.covariances, mixture.covariances)
    else:
        assert np.array_equal(ordered.covariances, mixture.covariances[order])
        assert np.array_equal(ordered.precisions_cholesky, parameters.precisions_cholesky[order])


@each_type
def test_translated_moves_means_only(covariance_type):
    parameters = parameters_of(drawn(covariance_type))
    moved = parameters.translate(np.arange(4.0))
    assert np.array_equal(moved.means, parameters.means + np.arange(4.0))
    assert moved.covariances is parameters.covariances
