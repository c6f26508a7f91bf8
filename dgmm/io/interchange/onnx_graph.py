"""A mixture as an ONNX graph of standard operators in double precision."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgmm.io.interchange.whitened_mixture import WhitenedMixture
from dgmm.optional_packages import import_optional

_OPSET = 18
_IR_VERSION = 9  # what runtimes of that operator set read


def serialize_onnx(mixture: WhitenedMixture) -> bytes:
    """An ONNX model of one input ``X`` and three outputs, all of n rows.

    ``X`` is float64 of shape (n, n_features); ``label`` is int64 of shape (n,), ``probabilities``
    float64 of shape (n, n_components), in the order of the components, and ``log_density`` float64
    of shape (n,), in nats.

    Raises
    ------
    MissingExtraError
        If onnx is not installed.
    """
    onnx = import_optional("onnx", "An ONNX model needs onnx", "dgmm[onnx]")
    helper = onnx.helper
    kinds, values = onnx.TensorProto, onnx.helper.make_tensor_value_info
    n_components, _, n_features = mixture.matrices.shape
    nodes = [
        helper.make_node("Unsqueeze", ["X", "first"], ["rows"]),
        helper.make_node("Sub", ["rows", "centres"], ["differences"]),
        helper.make_node("MatMul", ["differences", "matrices"], ["whitened"]),
        helper.make_node("ReduceSumSquare", ["whitened", "last"], ["distances"], keepdims=0),
        helper.make_node("Mul", ["distances", "half"], ["halves"]),
        helper.make_node("Sub", ["log_peaks", "halves"], ["by_component"]),
        helper.make_node("Transpose", ["by_component"], ["joint"], perm=[1, 0]),
        helper.make_node("Softmax", ["joint"], ["probabilities"], axis=1),
        helper.make_node("ReduceLogSumExp", ["joint", "last_but"], ["log_density"], keepdims=0),
        helper.make_node("ArgMax", ["joint"], ["place"], axis=1, keepdims=0),
        helper.make_node("Gather", ["labels", "place"], ["label"]),
    ]
    graph = helper.make_graph(
        nodes,
        "gaussian_mixture",
        [values("X", kinds.DOUBLE, ["n", n_features])],
        [
            values("label", kinds.INT64, ["n"]),
            values("probabilities", kinds.DOUBLE, ["n", n_components]),
            values("log_density", kinds.DOUBLE, ["n"]),
        ],
        [onnx.numpy_helper.from_array(array, name) for name, array in _constants(mixture).items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION
    )
    helper.set_model_props(model, {"features": "\n".join(mixture.names)})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _constants(mixture: WhitenedMixture) -> dict[str, NDArray[Any]]:
    """Arrays of the graph; those of components come first in each, then rows."""
    return {
        "first": np.array([0], np.int64),
        "last": np.array([2], np.int64),
        "last_but": np.array([1], np.int64),
        "half": np.array(0.5),
        "centres": np.ascontiguousarray(mixture.centres[:, None, :]),
        "matrices": np.ascontiguousarray(np.swapaxes(mixture.matrices, 1, 2)),
        "log_peaks": np.ascontiguousarray(mixture.log_peaks[:, None]),
        "labels": np.asarray(mixture.labels, np.int64),
    }
