"""A fitted mixture on disk, and in the forms that other programs run."""

import os
from typing import TYPE_CHECKING, Self

from sklearn.utils.validation import check_is_fitted

from dgmm.estimator import attributes
from dgmm.estimator.point_mixture import PointMixtureMixin
from dgmm.mixture.parameters import Parameters

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture

    from dgmm.io.interchange.whitened_mixture import WhitenedMixture


class MixtureConvertMixin(PointMixtureMixin):
    """Conversions that need no data."""

    converged_: bool

    def to_zarr(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the fitted mixture as a Zarr group that xarray opens too.

        Parameters and attributes come back bit for bit with :meth:`from_zarr`, on any machine and
        without pickle. The group appears at its path in one step, whole.

        Parameters
        ----------
        path : str or path
            A directory that is not there yet.
        overwrite : bool, default=False
            Whether a mixture that is there already is replaced; nothing else ever is.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If neither ``fit`` nor the user has set parameters.
        OutputError
            If something is there already, or a parameter has no form in Zarr.
        StorageError
            If the file system refuses; earlier content is then unchanged.

        Examples
        --------
        >>> import tempfile
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> X = load_iris().data
        >>> mixture = dgmm.GaussianMixture(2, random_state=0).fit(X)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     mixture.to_zarr(f"{folder}/mixture.zarr")
        ...     again = dgmm.GaussianMixture.from_zarr(f"{folder}/mixture.zarr")
        >>> (again.means_ == mixture.means_).all()
        np.True_
        """
        check_is_fitted(self)
        from dgmm.estimator import serialization  # only here: a fit needs no Zarr

        serialization.write(self, path, overwrite=overwrite)

    @classmethod
    def from_zarr(cls, path: str | os.PathLike[str]) -> Self:
        """A mixture that :meth:`to_zarr` wrote, or the one that a run selected.

        Parameters
        ----------
        path : str or path
            Of a mixture, of a run, or the output of ``dgmm run``, of which the last run is taken.

        Returns
        -------
        GaussianMixture
            Fitted. Sequences among the parameters come back as tuples, first parameters as arrays.

        Raises
        ------
        FileNotFoundError
            If nothing is there, or no run is complete.
        OutputError
            If it is not what this version of dgmm writes.
        StorageError
            If an array is missing or damaged.

        Examples
        --------
        >>> import dgmm
        >>> dgmm.GaussianMixture.from_zarr("results/iris").means_.round(1)
        array([[6.3, 2.9, 4.9, 1.7],
               [5. , 3.4, 1.5, 0.2]])
        """
        from dgmm.estimator import serialization

        return serialization.read(cls, path)

    def to_sklearn(self) -> "GaussianMixture":
        """scikit-learn's mixture with the same parameters, fitted; it predicts without dgmm.

        Covariances of a type that scikit-learn does not have are written out.

        Raises
        ------
        OutputError
            If functions of features were fitted, or the mixture has noise.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> X = load_iris().data
        >>> mixture = dgmm.GaussianMixture(2, random_state=0).fit(X)
        >>> model = mixture.to_sklearn()
        >>> (model.predict(X) == mixture.predict(X)).all()
        np.True_
        """
        from dgmm.io.interchange.scikit_learn_model import sklearn_mixture
        from dgmm.io.interchange.whitened_mixture import check_linear

        check_linear(attributes.transform_of(self))
        names = tuple(self.feature_names_in_) if hasattr(self, "feature_names_in_") else None
        return sklearn_mixture(self._mixture(), names, getattr(self, "converged_", True))

    def to_sql(self) -> str:
        """One expression of SQL whose value is the label of a row.

        Its columns are called as the features are, ``x0``, ``x1`` and so on if they have no names.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> X = load_iris().data
        >>> mixture = dgmm.GaussianMixture(2, random_state=0).fit(X)
        >>> mixture.to_sql()[:20]
        'CASE WHEN "x0" IS NU'
        """
        from dgmm.io.interchange.sql_expression import label_expression

        return label_expression(self._whiten())

    def to_onnx(self) -> bytes:
        """An ONNX model; see :func:`dgmm.io.interchange.onnx_graph.serialize_onnx`.

        Raises
        ------
        MissingExtraError
            If onnx is not installed.

        Examples
        --------
        >>> from pathlib import Path
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> mixture = dgmm.GaussianMixture(2, random_state=0).fit(load_iris().data)
        >>> _ = Path("iris.onnx").write_bytes(mixture.to_onnx())
        """
        from dgmm.io.interchange.onnx_graph import serialize_onnx

        return serialize_onnx(self._whiten())

    def to_json(self) -> str:
        """All parameters as JSON, with all their digits.

        Examples
        --------
        >>> import json
        >>> from sklearn.datasets import load_iris
        >>> import dgmm
        >>> X = load_iris().data
        >>> mixture = dgmm.GaussianMixture(2, random_state=0).fit(X)
        >>> round(sum(json.loads(mixture.to_json())["weights"]), 6)
        1.0
        """
        from dgmm.io.interchange.json_parameters import dump_parameters

        mixture, transform = self._mixture(), attributes.transform_of(self)
        return dump_parameters(mixture, transform, attributes.names_of(self), _labels(mixture))

    def _whiten(self) -> "WhitenedMixture":
        from dgmm.io.interchange.whitened_mixture import WhitenedMixture

        mixture, transform = self._mixture(), attributes.transform_of(self)
        return WhitenedMixture.of(mixture, transform, attributes.names_of(self), _labels(mixture))


def _labels(mixture: Parameters) -> tuple[int, ...]:
    return tuple(range(mixture.n_components))
