"""scikit-learn's own checks of an estimator, all of them, without exceptions."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from dgmm import GaussianMixture


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([GaussianMixture(), GaussianMixture(2, covariance_type="diag")])
def test_scikit_learn_s_checks_pass(estimator, check):
    check(estimator)
