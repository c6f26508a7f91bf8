"""Whoever changes the import finds everything where it was: compared by program, not by eye."""

import inspect

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.mixture import GaussianMixture as Theirs

import dgmm
from tests.strategies import COVARIANCE_TYPES

X = load_iris().data

OTHER_DEFAULTS = {
    "tol": "what is left to gain, not the last step, and so much smaller",
    "reg_covar": "a floor relative to the data, which biases nothing",
    "max_iter": "EM stops by tol; 100 iterations often end before",
    "init_params": "starts of several kinds find better optima than one kind",
}


def public(kind):
    return {name for name in dir(kind) if not name.startswith("_")}


def parameters(function):
    return list(inspect.signature(function).parameters.values())


def test_every_public_name_is_there():
    assert public(Theirs) <= public(dgmm.GaussianMixture)


def test_constructor_parameters_have_their_names_order_kinds_and_defaults():
    theirs, ours = parameters(Theirs), parameters(dgmm.GaussianMixture)
    assert [(p.name, p.kind) for p in theirs] == [(p.name, p.kind) for p in ours[: len(theirs)]]
    others = {p.name for p, q in zip(theirs, ours, strict=False) if p.default != q.default}
    assert others == set(OTHER_DEFAULTS)
    assert all(p.kind is p.KEYWORD_ONLY and p.default is None for p in ours[len(theirs) :])


@pytest.mark.parametrize(
    "name", sorted(name for name in public(Theirs) if callable(getattr(Theirs, name)))
)
def test_methods_take_what_theirs_take(name):
    theirs, ours = (parameters(getattr(kind, name)) for kind in (Theirs, dgmm.GaussianMixture))
    known = [(p.name, p.kind, p.default) for p in theirs]
    assert [(p.name, p.kind, p.default) for p in ours[: len(theirs)]] == known
    assert all(p.default is None for p in ours[len(theirs) :])


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_fitted_attributes_have_their_names_shapes_dtypes_and_signs(covariance_type):
    theirs = Theirs(2, covariance_type=covariance_type, random_state=0).fit(X)
    ours = dgmm.GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(X)
    fitted = {name for name in vars(theirs) if name.endswith("_")}
    assert fitted <= set(vars(ours))
    for name in fitted - {"lower_bounds_"}:
        expected, found = np.asarray(getattr(theirs, name)), np.asarray(getattr(ours, name))
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype), name
    assert isinstance(ours.lower_bounds_, list)
    assert len(ours.lower_bounds_) == ours.n_iter_
    assert ours.lower_bounds_[-1] == ours.lower_bound_
    assert ours.lower_bound_ == pytest.approx(theirs.lower_bound_, abs=1e-3)
    assert ours.__sklearn_tags__() == theirs.__sklearn_tags__()
    for name in ("predict", "predict_proba", "score_samples", "score", "bic", "aic"):
        expected, found = getattr(theirs, name)(X), getattr(ours, name)(X)
        assert type(found) is type(expected)
        assert (np.shape(found), np.asarray(found).dtype) == (
            np.shape(expected),
            np.asarray(expected).dtype,
        )
        assert np.sign(np.sum(found)) == np.sign(np.sum(expected))
    for expected, found in zip(theirs.sample(5), ours.sample(5), strict=True):
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)


def test_verbose_tells_of_passes_and_of_the_end(capsys):
    dgmm.GaussianMixture(2, random_state=0).fit(X)
    assert capsys.readouterr().out == ""
    model = dgmm.GaussianMixture(2, random_state=0, verbose=1, verbose_interval=1).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("fit, pass") for line in lines) == model.n_iter_ + 1
    assert "log-likelihood" not in lines[-1]
    dgmm.GaussianMixture(2, random_state=0, verbose=2, verbose_interval=10**6).fit(X)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"fit, pass {model.n_iter_ + 1}, 0 running, log-likelihood ")
    assert f"{model.lower_bound_:.6f}" in last
    with pytest.raises(ValueError, match="verbose_interval is 0; expected an integer"):
        dgmm.GaussianMixture(verbose=1, verbose_interval=0).fit(X)
