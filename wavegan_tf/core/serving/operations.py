"""The operations of a SavedModel, read before TensorFlow loads it: a model is a program, and may be anybody's.

TensorFlow runs whatever a SavedModel asks for, reading and writing of files included. What makes sound needs only
arithmetic on tensors: a model with any other operation runs only for those who trust it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from wavegan_tf.core.reading import Unreadable, require_regular

# Operations that compute, and do nothing else: neither files, nor network, nor Python. A list of what is allowed, and
# not of what is forbidden, of which every version of TensorFlow brings more. Our exports take about eighty of them; the
# others are for models that somebody makes in our form.
_TENSORS = """
    BatchToSpaceND Bitcast BroadcastArgs BroadcastTo Cast ClipByValue Complex Concat ConcatOffset ConcatV2 Const
    DepthToSpace Diag DiagPart EnsureShape ExpandDims Fill Gather GatherNd GatherV2 Identity IdentityN Imag
    InvertPermutation LinSpace MatrixBandPart MatrixDiagPartV3 MatrixDiagV3 MatrixSetDiagV3 MirrorPad OneHot
    OnesLike Pack Pad PadV2 Placeholder PlaceholderWithDefault PreventGradient Range Rank Real Reshape
    ReverseSequence ReverseV2 Roll ScatterNd Select SelectV2 Shape ShapeN Size Slice Snapshot SpaceToBatchND
    SpaceToDepth Split SplitV Squeeze StopGradient StridedSlice TensorScatterAdd TensorScatterUpdate Tile TopKV2
    Transpose Unique Unpack UnravelIndex Where ZerosLike
"""
_ARITHMETIC = """
    Abs Acos Acosh Add AddN AddV2 All Angle Any ArgMax ArgMin Asin Asinh Atan Atan2 Atanh BatchMatMul
    BatchMatMulV2 BatchMatMulV3 BitwiseAnd BitwiseOr BitwiseXor Bucketize Ceil ComplexAbs Conj Cos Cosh Cross
    Cumprod Cumsum CumulativeLogsumexp Digamma Div DivNoNan Einsum Equal Erf Erfc Erfinv Exp Expm1 Floor FloorDiv
    FloorMod Greater GreaterEqual Inv Invert IsFinite IsInf IsNan LeftShift Less LessEqual Lgamma Log Log1p
    LogicalAnd LogicalNot LogicalOr MatMul Max Maximum Mean Min Minimum Mod Mul MulNoNan Neg NextAfter NotEqual
    Pow Prod RealDiv Reciprocal RightShift Rint Round Rsqrt SegmentMean SegmentSum Sigmoid Sign Sin Sinh Sqrt
    Square SquaredDifference Sub Sum Tan Tanh TruncateDiv TruncateMod UnsortedSegmentSum Xdivy Xlog1py Xlogy
"""
_NETWORKS = """
    AvgPool AvgPool3D BiasAdd Conv Conv2D Conv2DBackpropFilter Conv2DBackpropInput Conv3D Conv3DBackpropInputV2
    DepthwiseConv2dNative Dilation2D Elu FFT FFT2D FFT3D FFTND FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3
    IFFT IFFT2D IFFT3D IFFTND IRFFT IRFFT2D IRFFT3D IRFFTND L2Loss LRN LeakyRelu LogSoftmax MaxPool MaxPool3D
    MaxPoolV2 RFFT RFFT2D RFFT3D RFFTND Relu Relu6 ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor
    ScaleAndTranslate Selu Softmax Softplus Softsign
"""
# A model may hold the gradients of its functions.
_GRADIENTS = """
    AvgPool3DGrad AvgPoolGrad BiasAddGrad BroadcastGradientArgs Conv3DBackpropFilterV2 Conv3DBackpropInput
    DepthwiseConv2dNativeBackpropFilter DepthwiseConv2dNativeBackpropInput Dilation2DBackpropFilter
    Dilation2DBackpropInput EluGrad FusedBatchNormGrad FusedBatchNormGradV2 FusedBatchNormGradV3 InvGrad LRNGrad
    LeakyReluGrad MaxPool3DGrad MaxPool3DGradGrad MaxPoolGrad MaxPoolGradGrad MaxPoolGradGradV2 MaxPoolGradV2
    MirrorPadGrad ReciprocalGrad Relu6Grad ReluGrad ResizeBicubicGrad ResizeBilinearGrad ResizeNearestNeighborGrad
    RsqrtGrad ScaleAndTranslateGrad SeluGrad SigmoidGrad SoftplusGrad SoftsignGrad SqrtGrad StridedSliceGrad TanhGrad
"""
_RANDOM = """
    Multinomial RandomShuffle RandomStandardNormal RandomUniform RandomUniformInt StatelessMultinomial
    StatelessRandomGetAlg StatelessRandomGetKeyCounter StatelessRandomGetKeyCounterAlg StatelessRandomNormal
    StatelessRandomNormalV2 StatelessRandomUniform StatelessRandomUniformFullInt StatelessRandomUniformFullIntV2
    StatelessRandomUniformInt StatelessRandomUniformIntV2 StatelessRandomUniformV2 StatelessShuffle
    StatelessTruncatedNormal StatelessTruncatedNormalV2 TruncatedNormal
"""
# Control flow, lists of tensors, variables, and the text of an assertion.
_CONTROL = """
    AsString Assert AssignAddVariableOp AssignSubVariableOp AssignVariableOp Case DisableCopyOnRead
    EmptyTensorList Enter Exit If LoopCond Merge NextIteration NoOp PartitionedCall ReadVariableOp ResourceGather
    StatefulPartitionedCall StatelessCase StatelessIf StatelessWhile StaticRegexFullMatch StringFormat StringJoin
    Switch TensorListConcatV2 TensorListElementShape TensorListFromTensor TensorListGather TensorListGetItem
    TensorListLength TensorListPopBack TensorListPushBack TensorListReserve TensorListResize TensorListSetItem
    TensorListSplit TensorListStack VarHandleOp VarIsInitializedOp VariableShape While
"""
ALLOWED = frozenset((_TENSORS + _ARITHMETIC + _NETWORKS + _GRADIENTS + _RANDOM + _CONTROL).split())
# Of the functions by which a TensorFlow 1 session, as TensorFlow Serving is one, saves and restores the variables. They
# touch files, and nothing but such a session may call them.
_OF_SAVER = frozenset({"MergeV2Checkpoints", "RestoreV2", "SaveV2", "ShardedFilename"})
# What constants may claim in bytes beyond those that the file has: a constant of equal numbers is stored as one.
_MOST_CLAIMED = 1 << 26


def read_saved_model(model_dir: str) -> Any:
    """The `SavedModel` message of a folder.

    Raises:
      Unreadable: it is damaged, or a constant in it would take more memory than a file of its size can mean; or
        something in the folder is neither a file nor a folder, and TensorFlow might wait for it.
      OSError: it cannot be opened.
    """
    for folder, _, names in os.walk(model_dir):
        for name in names:
            try:
                require_regular(os.path.join(folder, name))
            except Unreadable as error:
                raise Unreadable(f"{name}: {error}") from None
    path = os.path.join(model_dir, "saved_model.pb")
    with open(path, "rb") as file:
        data = file.read()
    try:
        model = saved_model_pb2.SavedModel.FromString(data)
    except Exception:  # the protobuf library's own exception
        raise Unreadable("saved_model.pb is damaged") from None
    if not model.meta_graphs:
        raise Unreadable("saved_model.pb holds no graph")
    claimed = sum(_claimed_bytes(node) for graph in model.meta_graphs for _, node in _nodes(graph.graph_def))
    if claimed > _MOST_CLAIMED + len(data):
        raise Unreadable(f"saved_model.pb claims {claimed} bytes of constants in a file of {len(data)}")
    return model


def foreign_operations(model: Any) -> list[str]:
    """Names of the operations of a `SavedModel` message that making sound does not need, sorted.

    Saving and restoring are accepted in the functions that the saver of the model names, unless anything else calls
    these.
    """
    # Otherwise TensorFlow loads it as one of TensorFlow 1, where any part of the graph can be run.
    is_of_objects = len(model.meta_graphs) == 1 and model.meta_graphs[0].HasField("object_graph_def")
    found = set()
    for graph in model.meta_graphs:
        savers = _saver_functions(graph) if is_of_objects else ()
        for function, node in _nodes(graph.graph_def):
            if node.op not in ALLOWED and not (function in savers and node.op in _OF_SAVER):
                found.add(node.op)
    return sorted(found)


def _saver_functions(graph: Any) -> frozenset[str]:
    """Names of the functions that save and restore, and that only the saver calls."""
    saver = graph.saver_def
    callers = {saver.save_tensor_name.partition(":")[0], saver.restore_op_name} - {""}
    named: set[str] = set()
    other = set(graph.object_graph_def.concrete_functions)
    for function, node in _nodes(graph.graph_def):
        called = set(_called(node.attr))
        (named if not function and node.name in callers else other).update(called)
    for definition in graph.graph_def.library.gradient:
        other |= {definition.function_name, definition.gradient_func}
    return frozenset(named - other)


def _nodes(graph: Any) -> Iterator[tuple[str, Any]]:
    """Function, "" for the graph itself, and node, of all there are."""
    for node in graph.node:
        yield "", node
    for function in graph.library.function:
        for node in function.node_def:
            yield function.signature.name, node


def _called(attributes: Mapping[str, Any]) -> Iterator[str]:
    """Functions that the attributes of a node name, wherever in them."""
    for value in attributes.values():
        for function in (value.func, *value.list.func):
            if function.name:
                yield function.name
                yield from _called(function.attr)


def _claimed_bytes(node: Any) -> int:
    tensors = [tensor for value in node.attr.values() for tensor in (value.tensor, *value.list.tensor)]
    total = 0
    for tensor in tensors:
        if tensor.dtype:
            dims = [dim.size for dim in tensor.tensor_shape.dim]
            if min(dims, default=0) < 0:
                raise Unreadable("saved_model.pb holds a constant without a shape")
            total += math.prod(dims) * max(tf.dtypes.as_dtype(tensor.dtype).size or 1, 1)
    return total
