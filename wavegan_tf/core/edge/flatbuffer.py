"""TensorFlow Lite files taken apart: weights as float16, equal constants once, and a text by the name model.json."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from typing import Any

import flatbuffers
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

TEXT_NAME = "model.json"
_IDENTIFIER = b"TFL3"
# Of smaller constants the operation that turns them back into float32 takes as much.
_FEWEST_ELEMENTS = 1024
# Of the operation "dequantize" for float16.
_VERSION = 3


class OutOfRange(ValueError):
    """A weight is larger than float16's largest number."""


def parse(file: bytes) -> Any:
    """The objects of a file."""
    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(file, 0))


def packed(model: Any) -> bytes:
    """The file of these objects."""
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


def output_shape(model: Any) -> list[int]:
    """The shape of what a model gives."""
    graph = model.subgraphs[0]
    return [int(length) for length in graph.tensors[graph.outputs[0]].shape]


def constants(model: Any) -> set[bytes]:
    """Digests of the constants of at least 1024 numbers float32."""
    return {digest for _, _, digest in _constants(model)}


def _constants(model: Any) -> Iterator[tuple[Any, Any, bytes]]:
    """Subgraph and tensor of each such constant, and its digest."""
    for graph in model.subgraphs:
        for tensor in list(graph.tensors):
            data = model.buffers[tensor.buffer].data
            if data is not None and tensor.type == schema.TensorType.FLOAT32 and len(data) >= 4 * _FEWEST_ELEMENTS:
                yield graph, tensor, hashlib.blake2b(data).digest()


def halve(model: Any, chosen: Collection[bytes]) -> None:
    """Stores constants as float16, each with an operation that gives back float32, as TensorFlow's converter does.

    The converter does it with all constants, a Fourier transform's too: errors of its matrices, a thousand times those
    of float32, add up over frames and iterations.

    Args:
      model: is changed.
      chosen: digests of the constants.

    Raises:
      OutOfRange: a number is beyond float16's range.
    """
    operation, halves = None, dict[bytes, int]()
    for graph, tensor, digest in list(_constants(model)):
        if digest not in chosen:
            continue
        if digest not in halves:
            halves[digest] = len(model.buffers)
            model.buffers.append(_half(model.buffers[tensor.buffer]))
        if operation is None:
            operation = len(model.operatorCodes)
            model.operatorCodes.append(_dequantize())
        stored = schema.TensorT()
        stored.name, stored.shape, stored.type = tensor.name + b"/float16", tensor.shape, schema.TensorType.FLOAT16
        stored.buffer, tensor.buffer = halves[digest], 0  # the first of all buffers is always empty
        step = schema.OperatorT()
        step.opcodeIndex = operation
        step.inputs, step.outputs = [len(graph.tensors)], [graph.tensors.index(tensor)]
        graph.tensors.append(stored)
        graph.operators.insert(0, step)


def _half(buffer: Any) -> Any:
    numbers = np.frombuffer(buffer.data, np.float32)
    with np.errstate(over="ignore"):
        half = numbers.astype(np.float16)
    if not np.isfinite(half[np.isfinite(numbers)]).all():
        raise OutOfRange("it has weights beyond float16's range; take --weights=float32")
    made = schema.BufferT()
    made.data = half.view(np.uint8)
    return made


def _dequantize() -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    code.version = _VERSION
    return code


def share(model: Any) -> None:
    """Keeps equal constants once, and none that no tensor has any more."""
    first = dict[bytes, int]()
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            data = model.buffers[tensor.buffer].data
            if data is not None and len(data):
                tensor.buffer = first.setdefault(hashlib.blake2b(data).digest(), tensor.buffer)
    used = {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors}
    used.update(entry.buffer for entry in model.metadata or [])
    for number, buffer in enumerate(model.buffers):
        if number not in used:
            buffer.data = None


def embed(model: Any, text: str) -> None:
    """Puts a text into a model, by the name model.json."""
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(text.encode(), np.uint8)
    entry.name, entry.buffer = TEXT_NAME, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]


def embedded(file: bytes) -> str | None:
    """The text that `embed` put into a file; None if there is none."""
    model = parse(file)
    for entry in model.metadata or []:
        if entry.name == TEXT_NAME.encode():
            return model.buffers[entry.buffer].data.tobytes().decode()
    return None
