"""A mixture as one affine map for each component, in the units of the input."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from dgmm.errors import OutputError
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.types import Array

NOISE_LABEL = -1


@dataclass(frozen=True, slots=True, eq=False)
class WhitenedMixture:
    """What a mixture says of a row x: log(w_k N(x | k)) = c_k - |W_k (x - m_k)|^2 / 2.

    With U_k the precision factors, and z = A (x - mean) / scale the transform, W_k is
    U_k' A diag(1 / scale). Differences are taken first, so that data far from zero keep their
    digits. Noise is one more component, the last, with the label -1 and a W of zeros.

    Attributes
    ----------
    names : tuple of str
        Of the input's features.
    labels : tuple of int
        What components are called.
    matrices : ndarray of shape (n_components, n_axes, n_features)
        W_k.
    centres : ndarray of shape (n_components, n_features)
        m_k: means, in the units of the input.
    log_peaks : ndarray of shape (n_components,)
        c_k, in nats; densities are those of what was fitted.
    """

    names: tuple[str, ...]
    labels: tuple[int, ...]
    matrices: Array
    centres: Array
    log_peaks: Array

    @classmethod
    def of(
        cls,
        mixture: Parameters,
        transform: FeatureTransform | None,
        names: tuple[str, ...],
        labels: tuple[int, ...],
    ) -> Self:
        """The whitened form of a mixture of rows that a transform prepares.

        Parameters
        ----------
        mixture : Parameters
        transform : FeatureTransform, or None
        names : tuple of str
            Of the input's features.
        labels : tuple of int

        Raises
        ------
        OutputError
            If the transform has functions of features.
        """
        check_linear(transform)
        matrices = np.swapaxes(mixture.factor_matrices, 1, 2)
        centres, log_peaks = mixture.means, mixture.log_peaks
        if transform is not None:
            if transform.axes is not None:
                matrices = matrices @ transform.axes
            matrices, centres = matrices / transform.scale, transform.inverse_means(mixture)
        if mixture.noise is not None:
            labels = (*labels, NOISE_LABEL)
            matrices = np.concatenate([matrices, np.zeros_like(matrices[:1])])
            centres = np.concatenate([centres, centres[:1]])
            log_peaks = np.append(log_peaks, mixture.noise.log_peak)
        return cls(names, labels, matrices, centres, log_peaks)


def check_linear(transform: FeatureTransform | None) -> None:
    """Refuse a transform that other programs would have to imitate.

    Raises
    ------
    OutputError
        If it has functions of features.
    """
    if transform is not None and transform.functions is not None:
        raise OutputError(
            "The model is of functions of its features, such as log or arcsinh, which other "
            "programs do not apply. Let dgmm assign rows."
        )
