"""A mixture in the forms of other programs says what dgmm says, row by row."""

import json
import math

import duckdb
import numpy as np
import onnxruntime
import pandas as pd
import pytest

from dgmm import GaussianMixture
from dgmm.errors import OutputError
from dgmm.io.interchange.json_parameters import dump_parameters
from dgmm.io.interchange.onnx_graph import serialize_onnx
from dgmm.io.interchange.scikit_learn_model import sklearn_mixture, sklearn_pipeline
from dgmm.io.interchange.sql_expression import label_expression
from dgmm.io.interchange.whitened_mixture import WhitenedMixture
from dgmm.mixture.column_functions.column_function import Log
from dgmm.mixture.column_functions.columnwise import ColumnFunctions
from dgmm.mixture.density import assign
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform, FeatureTransformSpec

N, D, K = 500, 3, 4
NAMES = ("depth", 'say "x"', "temp[5.0]")
LABELS = (7, 0, 12, 3)
TYPES = ("full", "tied", "diag", "spherical")


def rows_far_from_zero():
    rng = np.random.default_rng(3)
    return 1e6 + rng.normal(size=(N, D)) * [1.0, 0.01, 100.0]


def a_mixture(covariance_type, rows):
    rng = np.random.default_rng(4)
    scatter = np.cov(rows.T)
    full = np.stack([scatter * (0.2 + 0.3 * k) for k in range(K)])
    covariances = {
        "full": full,
        "tied": full[0],
        "diag": np.stack([np.diag(matrix) for matrix in full]),
        "spherical": np.array([scatter.trace() / D] * K),
    }[covariance_type]
    means = rows[rng.choice(N, K, replace=False)]
    weights = np.array([0.4, 0.3, 0.2, 0.1])
    return Parameters.from_covariances(covariance_type, weights, means, covariances)


@pytest.fixture(params=[*TYPES, "standardized", "projected"])
def case(request):
    """Rows, a mixture, the transform that it is of, and what dgmm says of the rows."""
    rows, transform, kind = rows_far_from_zero(), None, request.param
    if kind in ("standardized", "projected"):
        rule = FeatureTransformSpec(True, 2 if kind == "projected" else None)
        transform = FeatureTransform.fit(rule, rows.mean(axis=0), np.cov(rows.T))
    prepared = rows if transform is None else np.ascontiguousarray(transform.apply(rows.T).T)
    if kind == "projected":
        mixture = Parameters.from_covariances(
            "full", np.full(K, 0.25), prepared[:K], np.stack([np.cov(prepared.T)] * K)
        )
    else:
        mixture = a_mixture(kind if transform is None else "full", prepared)
    return rows, mixture, transform, assign(mixture, rows, transform)


def test_a_whitened_mixture_has_the_same_densities(case):
    rows, mixture, transform, expected = case
    whitened = WhitenedMixture.of(mixture, transform, NAMES, LABELS)
    differences = rows[:, None] - whitened.centres
    z = np.einsum("kqd,nkd->nkq", whitened.matrices, differences)
    joint = whitened.log_peaks - (z**2).sum(axis=2) / 2
    found = np.logaddexp.reduce(joint, axis=1)
    np.testing.assert_allclose(found, expected.log_density, rtol=1e-7)


def test_sql_gives_the_same_labels(case):
    rows, mixture, transform, expected = case
    sql = label_expression(WhitenedMixture.of(mixture, transform, NAMES, LABELS))
    cells = pd.DataFrame(rows, columns=list(NAMES))
    found = duckdb.sql(f"SELECT {sql} AS label FROM cells").fetchnumpy()["label"]
    np.testing.assert_array_equal(found, np.array(LABELS)[expected.labels])
    assert len(cells) == len(found) == N


def test_sql_has_no_label_for_a_row_that_lacks_a_value():
    mixture = a_mixture("full", rows_far_from_zero())
    sql = label_expression(WhitenedMixture.of(mixture, None, ("a", "b", "c"), LABELS))
    row = "SELECT 1e6 AS a, CAST(NULL AS DOUBLE) AS b, 1e6 AS c"
    assert duckdb.sql(f"SELECT {sql} FROM ({row})").fetchall() == [(None,)]


def test_onnxruntime_gives_the_same_labels_and_probabilities(case):
    rows, mixture, transform, expected = case
    model = serialize_onnx(WhitenedMixture.of(mixture, transform, NAMES, LABELS))
    session = onnxruntime.InferenceSession(model)
    label, probabilities, log_density = session.run(None, {"X": rows})
    np.testing.assert_array_equal(label, np.array(LABELS)[expected.labels])
    np.testing.assert_allclose(probabilities, expected.responsibilities, atol=1e-7)
    np.testing.assert_allclose(log_density, expected.log_density, rtol=1e-7)
    assert session.get_modelmeta().custom_metadata_map["features"].split("\n") == list(NAMES)


def test_scikit_learn_gives_the_same_probabilities(case):
    rows, mixture, transform, expected = case
    model = sklearn_pipeline(mixture, transform)
    centred = transform is not None or mixture.covariance_type in ("full", "tied")
    if not centred:  # scikit-learn expands the square, and loses digits far from zero
        shift = rows.mean(axis=0)
        model, rows = sklearn_mixture(mixture.translate(-shift)), rows - shift
    found = model.predict_proba(rows)
    np.testing.assert_allclose(found, expected.responsibilities, atol=1e-7)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_an_estimator_of_scikit_learn_predicts_alike(covariance_type):
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(centre, size=(200, 2)) for centre in (-2, 2)])
    mixture = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(rows)
    theirs = mixture.to_sklearn()
    np.testing.assert_allclose(
        theirs.predict_proba(rows), mixture.predict_proba(rows), rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(theirs.score_samples(rows), mixture.score_samples(rows), rtol=1e-12)
    assert theirs.bic(rows) == pytest.approx(mixture.bic(rows), rel=1e-12)
    assert theirs.converged_


def test_an_estimator_has_every_form():
    rows = pd.DataFrame(rows_far_from_zero(), columns=["a", "b", "c"])
    mixture = GaussianMixture(2, random_state=0).fit(rows)
    assert mixture.to_sklearn().feature_names_in_.tolist() == ["a", "b", "c"]
    labels = np.asarray(mixture.predict(rows))
    found = duckdb.sql(f"SELECT {mixture.to_sql()} AS label FROM rows").fetchnumpy()
    np.testing.assert_array_equal(found["label"], labels)
    session = onnxruntime.InferenceSession(mixture.to_onnx())
    np.testing.assert_array_equal(session.run(["label"], {"X": rows.to_numpy()})[0], labels)


def test_json_keeps_every_bit():
    mixture = GaussianMixture(2, random_state=0).fit(rows_far_from_zero())
    document = json.loads(mixture.to_json())
    assert document["features"] == ["x0", "x1", "x2"]
    assert document["labels"] == [0, 1]
    for name in ("weights", "means", "covariances", "precisions_cholesky"):
        np.testing.assert_array_equal(document[name], getattr(mixture, f"{name}_"))


@pytest.mark.parametrize(("kind", "written"), [("EII", "diag"), ("VEI", "diag"), ("VEV", "full")])
def test_covariances_that_scikit_learn_does_not_have_are_written_out(kind, written):
    rows = rows_far_from_zero() - 1e6  # scikit-learn's densities lose digits far from zero
    mixture = GaussianMixture(2, covariance_type=kind, random_state=0).fit(rows)
    theirs = mixture.to_sklearn()
    assert theirs.covariance_type == written
    np.testing.assert_allclose(theirs.score_samples(rows), mixture.score_samples(rows), rtol=1e-9)


@pytest.mark.parametrize("form", [WhitenedMixture.of, dump_parameters])
def test_functions_of_features_are_refused(form):
    mixture = a_mixture("full", rows_far_from_zero())
    functions = ColumnFunctions((Log(), None, None), NAMES)
    transform = FeatureTransform(np.zeros(D), np.ones(D), functions=functions)
    with pytest.raises(OutputError, match="is of functions of its features, such as log"):
        form(mixture, transform, NAMES, LABELS)
    with pytest.raises(OutputError, match="is of functions of its features, such as log"):
        sklearn_pipeline(mixture, transform)


def test_numbers_in_sql_have_all_their_digits():
    matrices, centres = np.full((2, 1, 1), math.pi), np.array([[-0.1], [1e-300]])
    sql = label_expression(WhitenedMixture(("x",), (0, 1), matrices, centres, np.zeros(2)))
    assert "3.141592653589793E00" in sql
    assert "(-1.0E-01)" in sql
    assert "1.0E-300" in sql
