"""Latents in files, block by block and between one another, beside all of them at once."""

from __future__ import annotations

import math
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles import profile
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.serving import latents
from wavegan_tf.core.serving import model as model_module
from wavegan_tf.core.serving.latents import LatentsFile, interpolate, read_latents, slerp_walk, walk

BLOCK = 4


def line(first, second, share):
    return [(1 - share) * a + share * b for a, b in zip(first, second, strict=True)]


def arc(first, second, share):
    """The point that turns by its share of the angle: in the plane of both, with lengths that go along."""
    norms = [math.sqrt(sum(x * x for x in vector)) for vector in (first, second)]
    if not all(norms):
        return line(first, second, share)
    units = [[x / norm for x in vector] for vector, norm in zip((first, second), norms, strict=True)]
    apart = math.sqrt(sum((a - b) ** 2 for a, b in zip(*units, strict=True)))
    together = math.sqrt(sum((a + b) ** 2 for a, b in zip(*units, strict=True)))
    angle = 2 * math.atan2(apart, together)
    if math.sin(angle) < 1e-5:
        return line(first, second, share)
    weights = math.sin((1 - share) * angle) / math.sin(angle), math.sin(share * angle) / math.sin(angle)
    return [weights[0] * a + weights[1] * b for a, b in zip(first, second, strict=True)]


@profile.examples(150)
@given(st.data(), st.sampled_from([(interpolate, line), (slerp_walk, arc)]), st.integers(1, 3), profile.sizes(BLOCK))
def test_walks_in_blocks(data, kind, dim, steps):
    count = data.draw(profile.sizes(BLOCK, 2))
    numbers = st.sampled_from([0.0, 1.0, -1.0, 0.3, -0.7, 2.5])
    z = np.array(data.draw(st.lists(numbers, min_size=count * dim, max_size=count * dim)), np.float32)
    z = z.reshape(count, dim)
    sizes: list[int] = []
    while sum(sizes) < count:
        sizes.append(min(data.draw(profile.sizes(BLOCK)), count - sum(sizes)))
    blocks = iter(np.split(z, np.cumsum(sizes)[:-1]))
    if count < 2:
        with pytest.raises(UserError, match="^interpolate: needs at least two latents, not 1$"):
            walk(count, blocks, steps, kind[0])
        return
    with mock.patch.object(latents, "_BLOCK", data.draw(profile.sizes(BLOCK))):
        total, points = walk(count, blocks, steps, kind[0])
        parts = list(points)
    assert all(map(len, parts))
    found = np.concatenate(parts)
    rows = z.astype(np.float64).tolist()
    expected = [kind[1](rows[i], rows[i + 1], step / steps) for i in range(count - 1) for step in range(steps)]
    assert total == len(found) == (count - 1) * steps + 1 and found.dtype == np.float32
    np.testing.assert_allclose(found, [*expected, rows[-1]], atol=1e-6)
    np.testing.assert_array_equal(found[::steps], z)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("over", [-1, 0, 1])
def test_walks_about_the_block_that_the_commands_use(count, over):
    steps = latents._BLOCK + over
    z = np.arange(count, dtype=np.float32)[:, None]
    total, points = walk(count, iter([z[:1], z[1:]]), steps, interpolate)
    found = np.concatenate(list(points))
    assert total == len(found)
    np.testing.assert_allclose(found[:, 0], np.arange(total) / steps, atol=1e-6)


KINDS = (*profile.FLOATS, *profile.INTEGERS, np.dtype(">f4"), np.dtype(">i2"), np.longdouble)


@profile.examples(150)
@given(st.data(), st.sampled_from(KINDS), profile.sizes(BLOCK), st.integers(1, 3), st.booleans())
def test_files_of_any_numbers(tmp_path_factory, data, kind, n, dim, by_columns):
    lowest = 0 if np.dtype(kind).kind == "u" else -3
    z = np.array(data.draw(st.lists(st.integers(lowest, 100), min_size=n * dim, max_size=n * dim))).reshape(n, dim)
    path = str(tmp_path_factory.getbasetemp() / "z.npy")
    np.save(path, np.array(z, kind, order="F" if by_columns else "C"))
    found = read_latents(path, dim)
    assert found.dtype == np.float32 and found.tolist() == z.tolist()


@profile.examples(100)
@given(st.data(), profile.sizes(BLOCK), st.integers(1, 3), st.sampled_from([np.float32, np.float64, np.dtype(">f4")]))
def test_files_that_take_rows_block_by_block(tmp_path_factory, data, n, dim, kind):
    folder = tmp_path_factory.mktemp("latents")
    z = np.arange(n * dim, dtype=kind).reshape(n, dim)
    z = np.asfortranarray(z) if data.draw(st.booleans()) else z
    given_rows = data.draw(st.integers(0, n))
    with LatentsFile(str(folder / "z.npy"), n, dim) as file:
        at = 0
        while at < given_rows:
            size = min(data.draw(st.one_of(st.just(0), profile.sizes(BLOCK))), given_rows - at)
            file.append(z[at : at + size])
            at += size
    found = np.load(folder / "z.npy")
    assert found.dtype == np.dtype("<f4") and found.tolist() == z[:given_rows].tolist()
    assert [path.name for path in folder.iterdir()] == ["z.npy"]


@profile.examples(60)
@given(st.data(), st.one_of(st.just(0), profile.sizes(BLOCK)), st.integers(1, 2**63 - 1))
def test_draws_in_blocks(data, n, seed):
    """The first block has the seed, each later one a seed of its own; the model draws a block from its seed alone."""
    asked: list[tuple[int, int]] = []

    def signature(num_samples, seed):
        asked.append((int(num_samples), int(seed)))
        rows = np.random.default_rng(int(seed)).normal(size=[int(num_samples), 2]).astype(np.float32)
        return {"z": mock.Mock(numpy=lambda: rows)}

    model = model_module.GeneratorModel.__new__(model_module.GeneratorModel)
    model._model = mock.Mock(signatures={"latents": signature})
    with mock.patch.object(model_module, "LATENTS_BLOCK", BLOCK):
        blocks = list(model.latent_blocks(n, seed))
    assert [len(block) for block in blocks] == [BLOCK] * (n // BLOCK) + [n % BLOCK] * (n % BLOCK > 0)
    assert [count for count, _ in asked] == [len(block) for block in blocks]
    seeds = [drawn for _, drawn in asked]
    assert len(set(seeds)) == len(seeds) and seeds[:1] in ([], [seed]) and all(0 <= s < 2**63 for s in seeds)


@profile.examples(60)
@given(st.data(), st.one_of(st.just(0), profile.sizes(BLOCK)), profile.sizes(BLOCK))
def test_clips_in_batches(data, n, size):
    """Each row once and in order, whatever the batch."""
    calls: list[int] = []

    def signature(z, pitch, offset):
        calls.append(len(z))
        return {"audio": mock.Mock(numpy=lambda: (z.numpy()[:, :1] * 10 + pitch.numpy()[:, None]) + offset.numpy())}

    inputs = ((), {"offset": tf.TensorSpec([], tf.int32)})
    function = mock.Mock(side_effect=signature, structured_input_signature=inputs)

    model = model_module.GeneratorModel.__new__(model_module.GeneratorModel)
    model._model = mock.Mock(signatures={"serving_default": function})
    model._outputs = {"waveform_offset": {"signature": "serving_default", "output": "audio"}}
    rows = {"z": np.arange(n * 2, dtype=np.float32).reshape(n, 2), "pitch": np.arange(n, dtype=np.int32)}
    found = [clip.item() for clip in model.stream(rows, size, offset=5)]
    assert found == [20.0 * index + index + 5 for index in range(n)]
    assert calls == [size] * (n // size) + [n % size] * (n % size > 0)
