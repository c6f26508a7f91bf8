"""The selected mixture of a result in the forms that other programs run."""

from abc import abstractmethod
from typing import TYPE_CHECKING

from dgmm.io.interchange.json_parameters import dump_parameters
from dgmm.io.interchange.onnx_graph import serialize_onnx
from dgmm.io.interchange.sql_expression import label_expression
from dgmm.io.interchange.whitened_mixture import WhitenedMixture
from dgmm.mixture.candidate import Status
from dgmm.mixture.drift.alignment import ComponentLabels
from dgmm.mixture.fit_result import Sweep
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture
    from sklearn.pipeline import Pipeline


class SelectedModel:
    """Conversions that need no data."""

    __slots__ = ()

    sweep: Sweep
    transform: FeatureTransform | None
    feature_names: tuple[str, ...]
    labelling: ComponentLabels

    @property
    @abstractmethod
    def model(self) -> Parameters:
        """Parameters of the selected candidate."""

    @property
    def whitened(self) -> WhitenedMixture:
        """The selected mixture as an affine map for each component, in the input's units."""
        labels = self.labelling.labels
        return WhitenedMixture.of(self.model, self.transform, self.feature_names, labels)

    def to_sklearn(self) -> "GaussianMixture | Pipeline":
        """The selected mixture as scikit-learn's, behind a scaler if rows were prepared.

        Components keep their places; ``labelling`` says what they are called.

        Raises
        ------
        OutputError
            If scikit-learn has no covariances of this type.

        Examples
        --------
        >>> import dgmm
        >>> result = dgmm.open_result("results/iris")
        >>> result.to_sklearn().predict([[5.0, 3.4, 1.5, 0.2]])
        array([1])
        """
        from dgmm.io.interchange.scikit_learn_model import sklearn_pipeline

        is_converged = self.sweep.selected.status is Status.CONVERGED
        return sklearn_pipeline(self.model, self.transform, self.feature_names, is_converged)

    def to_sql(self) -> str:
        """One expression of SQL whose value is the label of a row of the input's columns.

        Examples
        --------
        >>> import dgmm
        >>> result = dgmm.open_result("results/iris")
        >>> result.to_sql()[:20]
        'CASE WHEN "x0" IS NU'
        """
        return label_expression(self.whitened)

    def to_onnx(self) -> bytes:
        """An ONNX model; see :func:`dgmm.io.interchange.onnx_graph.serialize_onnx`.

        Raises
        ------
        MissingExtraError
            If onnx is not installed.

        Examples
        --------
        >>> import dgmm
        >>> from pathlib import Path
        >>> result = dgmm.open_result("results/iris")
        >>> _ = Path("iris.onnx").write_bytes(result.to_onnx())
        """
        return serialize_onnx(self.whitened)

    def to_json(self) -> str:
        """All parameters of the selected mixture as JSON, with all their digits.

        Examples
        --------
        >>> import json
        >>> import dgmm
        >>> result = dgmm.open_result("results/iris")
        >>> json.loads(result.to_json())["features"]
        ['x0', 'x1', 'x2', 'x3']
        """
        labels = self.labelling.labels
        return dump_parameters(self.model, self.transform, self.feature_names, labels)
