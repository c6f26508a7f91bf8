"""Checks that refuse data that cannot be fitted, after the first pass."""

import numpy as np

from dgmm.engine.profile import Profile
from dgmm.engine.row_checks import check_places, check_range, check_total_weight, check_weights
from dgmm.errors import DataError, Remedy


def validate_profile(
    profile: Profile, feature_names: tuple[str, ...], n_components: int
) -> Profile:
    """The profile, if its data can be fitted with up to ``n_components`` components.

    Raises
    ------
    DataError
        Naming the first offending rows and columns.
    """
    check_places(profile.n_non_finite, profile.non_finite, feature_names)
    if profile.n_missing and not profile.n_rows:
        message = (
            f"All {profile.n_missing:,} rows lack a value; expected rows without NaN or fill "
            "values. Leave out features that are nearly always missing."
        )
        raise DataError(message)
    check_weights(profile.bad_weights)
    check_total_weight(profile.total_weight)
    _check_observed(profile, feature_names)
    if profile.n_rows < n_components:
        message = (
            f"The number of rows is {profile.n_rows} (n_samples = {profile.n_rows}); expected at "
            f"least as many as components, n_components = {n_components}. Use fewer components."
        )
        raise DataError(message)
    if profile.n_missing and not len(profile.sample):
        message = (
            f"Only {profile.n_rows:,} of {profile.n_rows + profile.n_missing:,} rows have all "
            "values, and none of them is in the sample that starts are made from. Leave out "
            "features that are nearly always missing, or write the complete rows to a store of "
            "their own."
        )
        raise DataError(message, remedy=Remedy.ENLARGE_SAMPLE)
    check_range(profile.minimum, profile.maximum, feature_names)
    return profile


def _check_observed(profile: Profile, feature_names: tuple[str, ...]) -> None:
    """Refuse features of which no row of positive weight has a value."""
    if profile.observed is None:
        return
    weights = np.diagonal(profile.observed.moments.weight)
    found = [name for name, weight in zip(feature_names, weights, strict=True) if not weight > 0]
    if found:
        message = (
            f"{len(found)} features have no value in any row, the first {found[0]!r}; expected "
            "some values of each. Leave these features out."
        )
        raise DataError(message)
