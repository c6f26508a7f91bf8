"""Functions of single features: their inverses, derivatives and powers, and mixtures after them."""

import numpy as np
import pytest
from scipy import stats

from dgmm.errors import DataError
from dgmm.mixture.column_function import ColumnFunction, ColumnFunctions
from dgmm.mixture.transform import FeatureTransform, FeatureTransformSpec

FUNCTIONS = [
    ColumnFunction("log"),
    ColumnFunction("log1p"),
    ColumnFunction("arcsinh", 5.0),
    ColumnFunction("arcsinh", 150.0),
    *(ColumnFunction("yeo-johnson", power) for power in (-0.5, 0.0, 0.7, 1.0, 2.0, 2.5)),
]


def values_for(function):
    x = np.geomspace(1e-3, 1e3, 50)
    return x if function.name.startswith("log") else np.concatenate([-x[::-1] / 50, [0.0], x])


@pytest.mark.parametrize("function", FUNCTIONS, ids=str)
def test_a_function_rises_and_goes_back(function):
    x = values_for(function)
    z = function.apply(x)
    assert (np.diff(z) > 0).all()
    np.testing.assert_allclose(function.undo(z), x, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("function", FUNCTIONS, ids=str)
def test_its_derivative_is_that_of_small_differences(function):
    x = values_for(function)
    x = x[np.abs(x) > 1e-2]
    h = 1e-6 * np.abs(x)
    slope = (function.apply(x + h) - function.apply(x - h)) / (2 * h)
    np.testing.assert_allclose(np.exp(function.log_derivative(x)), slope, rtol=1e-6)


def test_the_power_is_that_of_scipy():
    x = np.random.default_rng(0).gamma(2.0, size=3_000) - 0.3
    found = ColumnFunction("yeo-johnson").fit(x)
    z, power = stats.yeojohnson(x)
    assert found.parameter == pytest.approx(power, abs=1e-4)
    np.testing.assert_allclose(found.apply(x), z, rtol=1e-3, atol=1e-3)
    assert ColumnFunction("yeo-johnson").fit(np.ones(4)).parameter == 1.0


def test_the_density_of_a_row_is_that_of_the_textbook():
    functions = ColumnFunctions((ColumnFunction("log"), None), ("a", "b"))
    columns = np.abs(np.random.default_rng(1).normal(size=(2, 40))) + 0.1
    z = functions.apply(columns)
    np.testing.assert_array_equal(z[1], columns[1])
    density = stats.norm.logpdf(z[0], 0.3, 0.8) + functions.log_jacobian(columns)
    np.testing.assert_allclose(
        density, stats.lognorm.logpdf(columns[0], 0.8, scale=np.exp(0.3)), rtol=1e-12
    )
    np.testing.assert_allclose(functions.undo(z), columns, rtol=1e-14)
    assert functions.describe(("a", "b")) == ("log(a)", "b")


@pytest.mark.parametrize(("name", "value"), [("log", 0.0), ("log", -2.0), ("log1p", -1.0)])
def test_values_for_which_a_function_is_not_defined_are_named(name, value):
    functions = ColumnFunctions((None, ColumnFunction(name)), ("a", "b"))
    with pytest.raises(DataError, match=f"'b' has the value {value:g}; {name} takes numbers above"):
        functions.apply(np.array([[1.0, 1.0], [5.0, value]]))


def test_functions_come_before_scale_and_axes():
    rows = np.exp(np.random.default_rng(2).normal(size=(500, 3)) @ np.diag([3.0, 1.0, 0.1]))
    functions = ColumnFunctions((ColumnFunction("log"),) * 3, ("a", "b", "c"))
    z = np.log(rows)
    rule = FeatureTransformSpec(standardize=True, pca=2, functions=functions)
    found = FeatureTransform.fit(rule, z.mean(axis=0), np.cov(z.T, bias=True))
    plain = FeatureTransform.fit(
        FeatureTransformSpec(standardize=True, pca=2), z.mean(axis=0), np.cov(z.T, bias=True)
    )
    np.testing.assert_allclose(found.apply(rows.T), plain.apply(z.T), atol=1e-12)
