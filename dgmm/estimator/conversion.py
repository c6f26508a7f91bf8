"""A fitted mixture in the forms that other programs run."""

from typing import TYPE_CHECKING

from dgmm.estimator.prediction import MixturePredictMixin
from dgmm.mixture.parameters import Parameters

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture

    from dgmm.io.interchange.whitened_mixture import WhitenedMixture


class MixtureConvertMixin(MixturePredictMixin):
    """Conversions that need no data."""

    converged_: bool

    def to_sklearn(self) -> "GaussianMixture":
        """scikit-learn's mixture with the same parameters, fitted; it predicts without dgmm.

        Raises
        ------
        OutputError
            If scikit-learn has no covariances of this type.
        """
        from dgmm.io.interchange.scikit_learn_model import sklearn_mixture

        names = tuple(self.feature_names_in_) if hasattr(self, "feature_names_in_") else None
        return sklearn_mixture(self._mixture(), names, getattr(self, "converged_", True))

    def to_sql(self) -> str:
        """One expression of SQL whose value is the label of a row.

        Its columns are called as the features are, ``x0``, ``x1`` and so on if they have no names.
        """
        from dgmm.io.interchange.sql_expression import label_expression

        return label_expression(self._whitened())

    def to_onnx(self) -> bytes:
        """An ONNX model; see :func:`dgmm.io.interchange.onnx_graph.serialize_onnx`.

        Raises
        ------
        MissingExtraError
            If onnx is not installed.
        """
        from dgmm.io.interchange.onnx_graph import serialize_onnx

        return serialize_onnx(self._whitened())

    def to_json(self) -> str:
        """All parameters as JSON, with all their digits."""
        from dgmm.io.interchange.json_parameters import dump_parameters

        mixture = self._mixture()
        return dump_parameters(mixture, None, self._names(mixture), self._labels(mixture))

    def _whitened(self) -> "WhitenedMixture":
        from dgmm.io.interchange.whitened_mixture import WhitenedMixture

        mixture = self._mixture()
        return WhitenedMixture.of(mixture, None, self._names(mixture), self._labels(mixture))

    def _names(self, mixture: Parameters) -> tuple[str, ...]:
        unnamed = tuple(f"x{place}" for place in range(mixture.n_features))
        return tuple(map(str, getattr(self, "feature_names_in_", unnamed)))

    def _labels(self, mixture: Parameters) -> tuple[int, ...]:
        return tuple(range(mixture.n_components))
