"""From XLA's program of a TensorFlow function to a portable one, and what its products cost."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# Old enough for any JAX that has jax.export, and readable to every newer one as StableHLO's rules of compatibility go.
_STABLEHLO = "1.0.0"
_PRODUCTS = ("stablehlo.convolution", "stablehlo.dot_general", "stablehlo.dot")


@dataclasses.dataclass(frozen=True)
class Program:
    """A pure function of `arguments` that XLA compiles, in StableHLO's portable form.

    Attributes:
      arguments: which of the original function's arguments it takes, in order: first those that it changes.
      results: which of the original function's results it gives, in order.
      rounding: products of float32 may round their operands, as they do in TF32.
      exact: the same, with products in full float32.
      flops: of matrix products and convolutions, two for each multiplication that is not by padding.
    """

    arguments: list[int]
    results: list[int]
    rounding: bytes
    exact: bytes
    flops: float


def translate(
    hlo: bytes, num_arguments: int, num_variables: int, passed_on: Sequence[int | None], turns: int = 1
) -> Program:
    """Makes a program out of a serialised HLO module, and drops what it does not need.

    Args:
      hlo: of a function that first assigns arguments to all variables it uses.
      num_arguments: of the function.
      num_variables: that the function uses; TensorFlow adds a parameter and a result for each of them.
      passed_on: for each result of the function the argument whose value it has if the function does not change it;
        unchanged ones are skipped. None for a result of another kind.
      turns: of each loop in it, which an operation in one is counted for.

    Raises:
      ValueError: the function reads a variable before it assigns it, or XLA has dropped an argument.
    """
    from jax.extend.mlir import ir
    from jax.interpreters.mlir import make_ir_context

    with make_ir_context():
        module = ir.Module.parse(_to_stablehlo(hlo))
        attributes = module.operation.attributes
        for name in [getattr(attribute, "name", attribute) for attribute in attributes]:
            del attributes[name]
        # JAX 0.6 leaves copies that tell of layouts, in a dialect of XLA's own.
        for op in [op for op in _operations(module.operation) if op.name == "mhlo.copy"]:
            op.results[0].replace_all_uses_with(op.operands[0])
            op.erase()
        main = next(op for op in module.body.operations if op.attributes["sym_name"].value == "main")
        (block,) = main.regions[0].blocks
        if len(block.arguments) != num_arguments + num_variables:
            wanted = f"{num_arguments} arguments and {num_variables} variables"
            raise ValueError(f"XLA gave the function {len(block.arguments)} parameters for its {wanted}")
        if any(list(argument.uses) for argument in list(block.arguments)[num_arguments:]):
            raise ValueError("the function reads a variable that is none of its arguments")
        returned = [_source(value) for value in list(block.operations)[-1].operands]
        results = [
            result for result, argument in enumerate(passed_on)
            if argument is None or returned[result] != block.arguments[argument]
        ]  # fmt: skip
        changed = [argument for argument in (passed_on[result] for result in results) if argument is not None]
        arguments = changed + [number for number in range(num_arguments) if number not in changed]
        flops = _flops(
            main, {function.attributes["sym_name"].value: function for function in module.body.operations}, turns
        )
        text = _with_entry(module, main, arguments, results)
        return Program(arguments, results, _serialized(text), _serialized(_in_full_precision(text)), flops)


def _to_stablehlo(hlo: bytes) -> Any:
    """HLO to StableHLO, by the name that each version of JAX has for it."""
    from jax.extend import mlir

    convert = getattr(mlir, "hlo_to_stablehlo", None)
    if convert is not None:
        return convert(hlo)
    from jax._src.lib import xla_client

    inner = xla_client._xla.mlir
    if hasattr(inner, "hlo_to_stablehlo"):
        return inner.hlo_to_stablehlo(hlo)
    return inner.xla_computation_to_mlir_module(xla_client.XlaComputation(hlo))


def _serialized(text: str) -> bytes:
    from jax.extend.mlir.dialects import stablehlo

    return stablehlo.serialize_portable_artifact_str(text, _STABLEHLO)


def _with_entry(module: Any, main: Any, arguments: Sequence[int], results: Sequence[int]) -> str:
    """The module's text with an entry that takes and gives only these; what else the function takes is zero there."""
    from jax.extend.mlir import ir

    kind = main.attributes["function_type"].value
    inputs, outputs = [str(part) for part in kind.inputs], [str(part) for part in kind.results]
    main.attributes["sym_name"] = ir.StringAttr.get("update")
    main.attributes["sym_visibility"] = ir.StringAttr.get("private")
    for name in ("arg_attrs", "res_attrs"):
        if name in main.attributes:
            del main.attributes[name]
    lines = [
        f"  func.func public @main({', '.join(f'%a{number}: {inputs[number]}' for number in arguments)}) -> "
        f"({', '.join(outputs[number] for number in results)}) {{"
    ]
    for number in sorted(set(range(len(inputs))) - set(arguments)):
        zero = "0.0" if "f" in inputs[number].removeprefix("tensor<").split("x")[-1] else "0"
        lines.append(f"    %a{number} = stablehlo.constant dense<{zero}> : {inputs[number]}")
    passed = ", ".join(f"%a{number}" for number in range(len(inputs)))
    lines += [
        f"    %all:{len(outputs)} = func.call @update({passed}) : ({', '.join(inputs)}) -> ({', '.join(outputs)})",
        f"    return {', '.join(f'%all#{number}' for number in results)} : "
        f"{', '.join(outputs[number] for number in results)}",
        "  }",
    ]
    start, rest = str(module).split("{", 1)
    return "{\n".join([start, "\n".join(lines) + rest])


def _in_full_precision(text: str) -> str:
    """The module with the highest precision demanded of every product, as JAX's own setting "highest" does it."""
    from jax.extend.mlir import ir

    module = ir.Module.parse(text)
    highest = ir.Attribute.parse("[#stablehlo<precision HIGHEST>, #stablehlo<precision HIGHEST>]")
    for op in _operations(module.operation):
        if op.name in _PRODUCTS:
            op.attributes["precision_config"] = highest
    return str(module)


def _source(value: Any) -> Any:
    """The value that this one is but another name for."""
    while getattr(value.owner, "name", "") == "stablehlo.reshape" and value.owner.operands[0].type == value.type:
        value = value.owner.operands[0]
    return value


def _operations(op: Any) -> Iterator[Any]:
    """An operation and all within it."""
    yield op
    for inner in _inner(op):
        yield from _operations(inner.operation)


def _inner(op: Any) -> Iterator[Any]:
    """The operations within the regions of an operation."""
    return (inner for region in op.regions for block in region.blocks for inner in block.operations)


def _flops(op: Any, functions: Mapping[str, Any], turns: int) -> float:
    """Operations of the products in an operation, and in the functions that it calls."""
    inner = sum(_flops(part.operation, functions, turns) for part in _inner(op))
    if op.name == "func.call":
        inner += _flops(functions[op.attributes["callee"].value], functions, turns)
    return _product_flops(op) + inner * (turns if op.name == "stablehlo.while" else 1)


def _product_flops(op: Any) -> float:
    """Operations of a matrix product or a convolution; 0 for anything else."""
    if op.name not in _PRODUCTS:
        return 0.0
    left, right = (list(operand.type.shape) for operand in op.operands)
    result = list(op.results[0].type.shape)
    if op.name == "stablehlo.dot":
        return 2.0 * math.prod(result) * left[-1]
    from jax.extend.mlir import ir
    from jax.extend.mlir.dialects import stablehlo

    if op.name == "stablehlo.dot_general":
        numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
        return 2.0 * math.prod(result) * math.prod(left[axis] for axis in numbers.lhs_contracting_dimensions)
    numbers = stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"])
    rank = len(numbers.input_spatial_dimensions)

    def option(name: str, default: int) -> list[int]:
        return list(op.attributes[name]) if name in op.attributes else [default] * rank

    padding = list(ir.DenseIntElementsAttr(op.attributes["padding"])) if "padding" in op.attributes else [0] * 2 * rank
    met = [
        _taps_met(left[lhs], right[rhs], result[out], *rest)
        for lhs, rhs, out, *rest in zip(
            numbers.input_spatial_dimensions, numbers.kernel_spatial_dimensions, numbers.output_spatial_dimensions,
            option("window_strides", 1), padding[::2], option("lhs_dilation", 1), option("rhs_dilation", 1),
            strict=True,
        )
    ]  # fmt: skip
    channels = right[numbers.kernel_input_feature_dimension]
    outside = result[numbers.output_batch_dimension] * result[numbers.output_feature_dimension]
    return 2.0 * outside * channels * math.prod(met)


def _taps_met(length: int, taps: int, outputs: int, stride: int, before: int, hole: int, spread: int) -> int:
    """Pairs of an output and a kernel's tap that meet an input along one axis, neither padding nor hole.

    Args:
      length: inputs.
      taps: of the kernel.
      outputs: of the convolution.
      stride: inputs from one output to the next.
      before: padding in front.
      hole: places from one input to the next: 1, or more where holes are between them.
      spread: places from one tap to the next.
    """
    places = (o * stride + t * spread - before for o, t in itertools.product(range(outputs), range(taps)))
    return sum(place % hole == 0 and 0 <= place // hole < length for place in places)
