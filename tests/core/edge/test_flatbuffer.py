"""TensorFlow Lite files taken apart and put together."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.edge_files import runner
from wavegan_tf.core.edge import conversion, flatbuffer

# One number less, and exactly as many as are worth it.
SMALL, LARGE = (31, 33), (32, 32)


@pytest.fixture(scope="module")
def matrices():
    rng = np.random.default_rng(0)
    return {name: rng.normal(0, 0.1, shape).astype(np.float32) for name, shape in (("a", LARGE), ("b", SMALL))}


def compile_product(*factors: np.ndarray) -> bytes:
    """x times these matrices."""

    def product(x: tf.Tensor) -> tf.Tensor:
        for factor in factors:
            x = tf.sin(tf.matmul(x, factor))
        return x

    return conversion.compiled(product, [tf.TensorSpec([1, len(factors[0])], name="x")], tf.Module())


def compute(x: np.ndarray, *factors: np.ndarray) -> np.ndarray:
    for factor in factors:
        x = np.sin(x @ factor)
    return x


def test_what_is_parsed_and_packed_is_the_same():
    factor = np.ones(LARGE, np.float32) / 32
    x = np.linspace(-1, 1, 32, dtype=np.float32)[None]
    file = flatbuffer.packed(flatbuffer.parse(compile_product(factor)))
    np.testing.assert_allclose(runner(file)(x=x), compute(x, factor), atol=1e-6)


def test_chosen_constants_are_rounded_and_others_are_not(matrices):
    first, second = matrices["a"], matrices["a"][::-1].copy()
    file = compile_product(first, second)
    model = flatbuffer.parse(file)
    flatbuffer.halve(model, flatbuffer.constants(flatbuffer.parse(compile_product(second))))
    flatbuffer.share(model)
    half = flatbuffer.packed(model)
    x = np.random.default_rng(1).normal(size=[1, 32]).astype(np.float32)
    found = runner(half)(x=x)
    np.testing.assert_allclose(found, compute(x, first, second.astype(np.float16).astype(np.float32)), atol=2e-6)
    assert np.abs(found - compute(x, first, second)).max() > 1e-5  # as it is rounded
    assert len(file) - len(half) == pytest.approx(2 * 1024, abs=400)


def test_small_constants_stay_and_nothing_chosen_changes_nothing(matrices):
    model = flatbuffer.parse(compile_product(matrices["b"]))
    assert flatbuffer.constants(model) == set()
    before = len(model.subgraphs[0].operators)
    flatbuffer.halve(model, flatbuffer.constants(flatbuffer.parse(compile_product(matrices["a"]))))
    assert len(model.subgraphs[0].operators) == before


def test_equal_constants_are_stored_once(matrices):
    model = flatbuffer.parse(compile_product(*[matrices["a"]] * 3))
    flatbuffer.halve(model, flatbuffer.constants(model))
    flatbuffer.share(model)
    file = flatbuffer.packed(model)
    assert len(file) < 2 * 1024 + 4000
    x = np.random.default_rng(1).normal(size=[1, 32]).astype(np.float32)
    rounded = matrices["a"].astype(np.float16).astype(np.float32)
    np.testing.assert_allclose(runner(file)(x=x), compute(x, rounded, rounded, rounded), atol=2e-6)


@pytest.mark.parametrize(("largest", "fits"), [(65504.0, True), (65519.0, True), (65520.0, False), (1e30, False)])
def test_numbers_beyond_float16(matrices, largest, fits):
    factor = matrices["a"].copy()
    factor[3, 4] = largest
    model = flatbuffer.parse(compile_product(factor))
    if fits:
        flatbuffer.halve(model, flatbuffer.constants(model))
        return
    with pytest.raises(flatbuffer.OutOfRange, match="beyond float16's range; take --weights=float32"):
        flatbuffer.halve(model, flatbuffer.constants(model))


def test_a_text_goes_into_the_file_and_comes_back(matrices):
    file = compile_product(matrices["a"])
    assert flatbuffer.embedded(file) is None
    model = flatbuffer.parse(file)
    flatbuffer.embed(model, text := '{"name": "Trommel \u00e4"}')
    written = flatbuffer.packed(model)
    assert flatbuffer.embedded(written) == text and len(written) - len(file) < 600
    assert runner(written)(x=np.ones([1, 32], np.float32)).shape == (1, 32)
