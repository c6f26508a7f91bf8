"""Functions of single features: their inverses, derivatives and powers, and mixtures after them."""

import numpy as np
import pytest
from scipy import stats

from dgmm.errors import ConfigurationError, DataError
from dgmm.mixture.column_functions.column_function import Arcsinh, Log, Log1p
from dgmm.mixture.column_functions.columnwise import FUNCTIONS as KINDS
from dgmm.mixture.column_functions.columnwise import ColumnFunctions, choose_functions
from dgmm.mixture.column_functions.logicle import Logicle
from dgmm.mixture.column_functions.yeo_johnson import YeoJohnson
from dgmm.mixture.transform import FeatureTransform, FeatureTransformSpec

FUNCTIONS = [
    Log(),
    Log1p(),
    Arcsinh(),
    Arcsinh(150.0),
    *(YeoJohnson(power) for power in (-0.5, 0.0, 0.7, 1.0, 2.0, 2.5)),
    Logicle(),
    Logicle(T=10_000.0, W=1.2, M=4.0, A=0.7),
    Logicle(W=0.0),
]
# of FlowUtils 1.2.2, logicle(x, None, T, M, W, A)
LOGICLE_OF_FLOWUTILS = {
    Logicle(): (-0.393801214219, 0.109990690073, 0.1116713257645, 0.3252871335187, 1.0),
    Logicle(10_000.0, 1.2, 4.0, 0.7): (
        *(-0.1250869130136, 0.4032869502991, 0.4047395048568, 0.6225387882567, 1.3043233527225),
    ),
    Logicle(W=2.25): (0.4729214594645, 0.4999945794583, 0.5000027102708, 0.5016261575941, 1.0),
}


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
    found = YeoJohnson().fit(x)
    z, power = stats.yeojohnson(x)
    assert found.power == pytest.approx(power, abs=1e-4)
    np.testing.assert_allclose(found.apply(x), z, rtol=1e-3, atol=1e-3)
    assert YeoJohnson().fit(np.ones(4)).power == 1.0


def test_the_density_of_a_row_is_that_of_the_textbook():
    functions = ColumnFunctions((Log(), None), ("a", "b"))
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
    functions = ColumnFunctions((None, KINDS[name]()), ("a", "b"))
    with pytest.raises(DataError, match=f"'b' has the value {value:g}; {name} takes numbers above"):
        functions.apply(np.array([[1.0, 1.0], [5.0, value]]))


def test_functions_come_before_scale_and_axes():
    rows = np.exp(np.random.default_rng(2).normal(size=(500, 3)) @ np.diag([3.0, 1.0, 0.1]))
    functions = ColumnFunctions((Log(),) * 3, ("a", "b", "c"))
    z = np.log(rows)
    rule = FeatureTransformSpec(standardize=True, pca=2, functions=functions)
    found = FeatureTransform.fit(rule, z.mean(axis=0), np.cov(z.T, bias=True))
    plain = FeatureTransform.fit(
        FeatureTransformSpec(standardize=True, pca=2), z.mean(axis=0), np.cov(z.T, bias=True)
    )
    np.testing.assert_allclose(found.apply(rows.T), plain.apply(z.T), atol=1e-12)


@pytest.mark.parametrize("function", LOGICLE_OF_FLOWUTILS, ids=str)
def test_logicle_is_that_of_flowutils(function):
    found = function.apply(np.array([-5_000.0, -1.0, 0.5, 300.0, 262_144.0]))
    np.testing.assert_allclose(found, LOGICLE_OF_FLOWUTILS[function], atol=1e-12)


def test_functions_come_back_from_their_table():
    wanted = {"a": "log", "b": {"logicle": {"W": 1}}, "c": {"arcsinh": 150}, "*": "yeo-johnson"}
    sample = np.random.default_rng(4).gamma(2.0, size=(50, 5))
    found = choose_functions(wanted, tuple("abcde"), "it").fit(sample)
    assert [str(each) for each in found.functions][:3] == [
        "log",
        "logicle(262144, 1, 4.5, 0)",
        "arcsinh(150)",
    ]
    assert found.are_known
    assert ColumnFunctions.from_table(*found.table, found.names) == found
    assert choose_functions({"a": "log"}, ("a", "b"), "it").functions == (Log(), None)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("sqrt", "it has 'sqrt'; expected one of log, log1p, arcsinh, yeo-johnson, logicle"),
        (["log"], "expected one of log"),
        ({"z": "log"}, "it names z, which the data do not have; their features are a, b"),
        ({"a": {"logicle": {"X": 1}}}, "expected one of log"),
        ({"logicle": {"W": 3}}, "W=3, M=4.5, A=0; expected T > 0"),
    ],
)
def test_functions_that_are_not_there_are_refused(wanted, said):
    with pytest.raises(ConfigurationError) as caught:
        choose_functions(wanted, ("a", "b"), "it")
    assert said in str(caught.value)
