"""The normalisers against the original's, and their files."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from gansynth_tf import normalizer
from gansynth_tf.features import Features
from gansynth_tf.representation import FREQ, NONE, NORMALIZERS, PRESPECIFIED, SIMPLE
from tests.originals import GOLDENS, assert_near
from wavegan_tf.core.errors import UserError

GOLDEN = np.load(GOLDENS / "gansynth" / "normalizers.npz")
DATA = GOLDEN["data"]


def gathered(data=DATA):
    """Statistics of data that come in two batches."""
    statistics = normalizer.RangeStatistics()
    for batch in (data[:1], data[1:]):
        statistics.add(batch)
    return statistics


def made(kind, tmp_path):
    if kind == NONE:
        return normalizer.identity()
    if kind == PRESPECIFIED:
        return normalizer.prespecified(0.0661371661726, 0.113718730221, 0.8, 0.0)
    path = str(tmp_path / "normalizer.npz")
    normalizer.save(path, gathered().rows(kind, 0.8))
    return normalizer.load(path, kind, DATA.shape[2])


@pytest.mark.parametrize("kind", NORMALIZERS)
@pytest.mark.parametrize("jit_compile", [False, True])
def test_both_directions_are_the_originals(kind, jit_compile, tmp_path):
    ours = made(kind, tmp_path)
    normalize = tf.function(ours.normalize, jit_compile=jit_compile, autograph=False)
    key = f"{kind}_margin0.8"
    assert_near(normalize(DATA)[:2], GOLDEN[f"{key}/normalized"])
    assert_near(normalize(DATA[:2] * np.float32(1.1)), GOLDEN[f"{key}/normalized_x1.1"], 2e-6)
    steps = np.linspace(-1.2, 1.2, DATA[0].size).astype(np.float32).reshape([1, *DATA.shape[1:]])
    found = tf.function(ours.denormalize, jit_compile=jit_compile, autograph=False)(steps)
    assert_near(found, GOLDEN[f"{key}/denormalized_linspace"], 2e-6)
    assert ours.per_frequency == (kind == FREQ)
    if kind != NONE:
        np.testing.assert_allclose(
            ours.scale, GOLDEN[f"{kind}{'' if kind == PRESPECIFIED else '_margin0.8'}/a"], rtol=1e-6
        )


@pytest.mark.parametrize("kind", [SIMPLE, FREQ])
def test_stored_numbers_are_the_originals(kind):
    np.testing.assert_allclose(gathered().rows(kind, 0.8), GOLDEN[f"{kind}_margin0.8/normalizer"], rtol=1e-6, atol=1e-7)


def test_full_size_numbers_are_the_originals_but_for_the_constant_frequency():
    notes = np.load(GOLDENS / "gansynth" / "nsynth_notes.npz")["audio"][..., None]
    data = Features("mel", (128, 1024), 64000, 16000).waves_to_data(notes).numpy()
    statistics = gathered(data)
    np.testing.assert_allclose(statistics.rows(SIMPLE, 0.8), GOLDEN["hires_mel_4notes_simple"], rtol=1e-4, atol=1e-4)
    rows, originals = statistics.rows(FREQ, 0.8), GOLDEN["hires_mel_4notes_freq"]
    assert not np.isfinite(originals[0]).all()
    np.testing.assert_allclose(rows[1:, :2], originals[1:, :2], rtol=2e-3, atol=2e-3)
    # The constant frequency becomes 0, and 0 becomes its value.
    scale, offset = rows[0, 0], rows[0, 1]
    assert (
        scale == 1.0
        and offset == pytest.approx(-np.log(1e-6))
        and data[0, 0, 0, 0] * scale + offset == pytest.approx(0.0)
    )


@pytest.mark.parametrize("kind", [SIMPLE, FREQ])
def test_normalised_data_fill_the_margin_and_come_back(kind, tmp_path):
    ours = made(kind, tmp_path)
    y = ours.normalize(DATA).numpy()
    axes = (0, 1, 2) if kind == SIMPLE else (0, 1)
    varies = np.ptp(DATA, axis=axes) > 0
    np.testing.assert_allclose(y.max(axis=axes)[varies], 0.8, rtol=1e-4)
    np.testing.assert_allclose(y.min(axis=axes)[varies], -0.8, rtol=1e-4)
    assert_near(ours.denormalize(y), DATA, 1e-5)


def test_a_file_of_the_originals_with_infinities_is_read(tmp_path):
    rows = np.array([[np.inf, np.nan, 2.0, 0.5], [3.0, 0.25, np.inf, np.nan]])
    np.savez(tmp_path / "freq.npz", normalizer=rows)
    ours = normalizer.load(str(tmp_path / "freq.npz"), FREQ, 2)
    np.testing.assert_array_equal(ours.scale[0, 0], [[1.0, 2.0], [3.0, 1.0]])
    np.testing.assert_array_equal(ours.offset[0, 0], [[0.0, 0.5], [0.25, 0.0]])


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: path.write_text("not an archive"), "cannot be read as a normaliser"),
        (lambda path: np.savez(path, other=np.ones(4)), "cannot be read as a normaliser"),
        (lambda path: np.savez(path, normalizer=np.array([{}], object)), "cannot be read as a normaliser"),
        (lambda path: np.savez(path, normalizer=np.ones(5)), r"holds numbers of shape \[5\]"),
        (lambda path: np.savez(path, normalizer=np.array([0.0, 1.0, 1.0, 1.0])), "holds a scale of 0"),
        (lambda path: None, "cannot be read as a normaliser"),
    ],
)
def test_files_that_are_no_normaliser_are_named(tmp_path, write, message):
    path = tmp_path / "simple.npz"
    write(path)
    with pytest.raises(UserError, match=message) as error:
        normalizer.load(str(path), SIMPLE, 8)
    assert str(error.value).startswith(str(path)) and "\n" not in str(error.value)
