"""Write predictors as ONNX, for other runtimes: trees, multilayer perceptrons, ensembles of them.

With a space the graph takes codes and encodes them itself (input `codes`, int64 `n x n_choices`);
without one it takes float32 `features`. The output `prediction` is float32 `(n,)`, in the metric's
SI unit. The graph computes in float32, so it agrees with the predictor to about 1e-6 relative. It
does not check its input: a code that does not exist gives a wrong number, where the predictor gives
an error. Needs `onnx` (extra `fit`), at export only.
"""

from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from hwbench.arrays import AnyArray
from hwbench.errors import HwbenchError, require
from hwbench.surrogates.encoding import OneHot
from hwbench.surrogates.ensemble_predictor import EnsemblePredictor
from hwbench.surrogates.mlp_predictor import MLPPredictor
from hwbench.surrogates.predictor import Predictor
from hwbench.surrogates.target import Target
from hwbench.surrogates.tree_predictor import TreePredictor, Trees

__all__ = [
    "ExportError",
    "export",
    "save_onnx",
]

if TYPE_CHECKING:
    from onnx import ModelProto

# The oldest versions with all that is used: files run wherever onnxruntime is of 2021 or later.
_OPSET, _ML_OPSET, _IR_VERSION = 13, 2, 7


class ExportError(HwbenchError, TypeError):
    """A predictor has no ONNX form."""


def export(predictor: Predictor, /) -> "ModelProto":
    """Turn a predictor into an ONNX model.

    Args:
        predictor: A `TreePredictor`, an `MLPPredictor`, or an `EnsemblePredictor` of them.

    Returns:
        A checked `onnx.ModelProto`.

    Raises:
        ExportError: If the predictor, or one of its members, is of another kind.
        MissingExtraError: If onnx is missing (extra `fit`).
    """
    onnx = require("onnx", "fit")
    helper, kind = require("onnx.helper", "fit"), onnx.TensorProto
    graph = _Graph(helper, require("onnx.numpy_helper", "fit"))
    if predictor.space is None:
        width = _width(predictor)
        given = helper.make_tensor_value_info("features", kind.FLOAT, ["n", width])
        features = "features"
    else:
        width = predictor.space.n_choices
        given = helper.make_tensor_value_info("codes", kind.INT64, ["n", width])
        features = _one_hot(graph, OneHot.of(predictor.space))
    column = _predictor(graph, predictor, features)
    shape = graph.constant(np.array([-1], dtype=np.int64))
    graph.node("Reshape", [column, shape], output="prediction")
    answer = helper.make_tensor_value_info("prediction", kind.FLOAT, ["n"])
    body = helper.make_graph(graph.nodes, "hwbench", [given], [answer], graph.constants)
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", _ML_OPSET)]
    model: ModelProto = helper.make_model(
        body, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="hwbench"
    )
    onnx.checker.check_model(model)
    return model


def save_onnx(predictor: Predictor, path: str | Path, /) -> None:
    """Write a predictor to an ONNX file; see `export`."""
    Path(path).write_bytes(export(predictor).SerializeToString())


@dataclass
class _Graph:
    """Nodes and constants as they are added; every tensor gets a name of its own."""

    helper: ModuleType
    numpy_helper: ModuleType
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def constant(self, array: AnyArray) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(self.numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def scalar(self, value: float) -> str:
        return self.constant(np.array([value], dtype=np.float32))

    def node(
        self, op: str, inputs: list[str], *, output: str = "", domain: str = "", **attributes: Any
    ) -> str:
        name = output or f"t{len(self.nodes)}"
        self.nodes.append(self.helper.make_node(op, inputs, [name], domain=domain, **attributes))
        return name


def _one_hot(graph: _Graph, encoder: OneHot) -> str:
    """Add the encoding of `codes`; returns the name of the features, `n x n_features`."""
    layout = encoder.space.layout
    codes = graph.node("Gather", ["codes", graph.constant(encoder.column)], axis=1)
    hot = graph.node("Equal", [codes, graph.constant(encoder.level)])
    if layout.depth_column is not None:
        depth = graph.node(
            "Gather", ["codes", graph.constant(np.array(layout.depth_column))], axis=1
        )
        # n_depths x n_features: which features a network of that depth has.
        present = graph.constant(layout.active[:, encoder.column])
        hot = graph.node("And", [hot, graph.node("Gather", [present, depth], axis=0)])
    return graph.node("Cast", [hot], to=1)  # FLOAT


def _predictor(graph: _Graph, predictor: Predictor, features: str) -> str:
    """Add a predictor; returns the name of its answer, `n x 1`."""
    if isinstance(predictor, TreePredictor):
        return _target(graph, predictor.target, _trees(graph, predictor.trees, features))
    if isinstance(predictor, MLPPredictor):
        return _target(graph, predictor.target, _mlp(graph, predictor, features))
    if isinstance(predictor, EnsemblePredictor):
        members = [_predictor(graph, member, features) for member in predictor.members]
        return graph.node("Mean", members)
    raise ExportError(
        f"no ONNX form for predictors of kind {predictor.kind!r}; there is one for ensemble,"
        " mlp and trees"
    )


def _mlp(graph: _Graph, predictor: MLPPredictor, features: str) -> str:
    value = features
    for i, layer in enumerate(predictor.layers):
        if i:
            value = graph.node("Relu", [value])
        weight, bias = (a.astype(np.float32) for a in (layer.weight, layer.bias))
        value = graph.node("Gemm", [value, graph.constant(weight), graph.constant(bias)])
    return value


def _trees(graph: _Graph, trees: Trees, features: str) -> str:
    tree = _tree_of_node(trees)
    order = np.argsort(tree, kind="stable")  # a tree's nodes together, its root first
    first = np.searchsorted(tree[order], np.arange(trees.n_trees))
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order)) - first[tree[order]]  # each tree counts from 0
    leaf, left = trees.leaf[order], trees.left[order]
    inner_left = np.where(leaf, 0, number[left])
    right = np.minimum(left + 1, len(number) - 1)
    return graph.node(
        "TreeEnsembleRegressor",
        [features],
        domain="ai.onnx.ml",
        n_targets=1,
        nodes_treeids=tree[order].tolist(),
        nodes_nodeids=number[order].tolist(),
        nodes_featureids=trees.feature[order].tolist(),
        nodes_values=np.where(leaf, 0, trees.threshold[order]).tolist(),
        nodes_modes=np.where(leaf, "LEAF", "BRANCH_LT").tolist(),
        nodes_truenodeids=inner_left.tolist(),
        nodes_falsenodeids=np.where(leaf, 0, number[right]).tolist(),
        target_treeids=tree[order][leaf].tolist(),
        target_nodeids=number[order][leaf].tolist(),
        target_ids=[0] * int(leaf.sum()),
        target_weights=trees.value[order][leaf].tolist(),
    )


def _tree_of_node(trees: Trees) -> AnyArray:
    """Return the tree of each node, `(n_nodes,)`: parents come before their children."""
    tree = np.empty(len(trees.left), dtype=np.int64)
    nodes = np.arange(trees.n_trees)
    tree[nodes] = nodes
    while len(nodes):
        inner = nodes[~trees.leaf[nodes]]
        left = trees.left[inner]
        tree[left], tree[left + 1] = tree[inner], tree[inner]
        nodes = np.concatenate([left, left + 1])
    return tree


def _target(graph: _Graph, target: Target, z: str) -> str:
    scaled = graph.node("Mul", [z, graph.scalar(target.scale)])
    value = graph.node("Add", [scaled, graph.scalar(target.mean)])
    return graph.node("Exp", [value]) if target.log else value


def _width(predictor: Predictor) -> int:
    """Return the number of features of a predictor without a space."""
    if isinstance(predictor, EnsemblePredictor):
        return _width(predictor.members[0])
    if isinstance(predictor, TreePredictor | MLPPredictor):
        return predictor.inputs.n_features
    raise ExportError(f"no ONNX form for predictors of kind {predictor.kind!r}")
