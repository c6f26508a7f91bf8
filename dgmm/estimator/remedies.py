"""Remedies of errors, in terms of the estimator and of Python."""

from types import MappingProxyType

from dgmm.errors import Remedy

REMEDIES = MappingProxyType(
    {
        Remedy.DROP_MISSING: "`X[np.isfinite(X).all(axis=1)]` keeps the other rows; "
        "`GaussianMixture(missing='marginalize')` counts rows with NaN by the values that they "
        "have.",
        Remedy.ENLARGE_SAMPLE: "Or set a larger sample_size.",
        Remedy.NORMALIZE_WEIGHTS: "Set normalize_weights: 'rows' for survey weights, 'kish' for "
        "unequal probabilities, 'counts' if the sum is meant.",
        Remedy.MORE_COMPONENTS: "Raise n_components.",
        Remedy.FEWER_COMPONENTS: "Lower n_components.",
        Remedy.SEARCH_MORE: "Raise n_init to tell.",
        Remedy.USE_LESS_MEMORY: "Rechunk X to smaller blocks, or give workers more memory or fewer "
        "threads.",
        Remedy.SEARCH_LESS: "Lower sample_size or n_components.",
        Remedy.TRY_AGAIN: "Then fit again.",
        Remedy.START_AGAIN: "Then fit again.",
        Remedy.OVERWRITE: "Or replace it with overwrite=True.",
    }
)
