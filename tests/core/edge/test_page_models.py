"""Pages of real models: the demo's trained WaveGAN, and one of the paper's size."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import wavegan_tf.demo
from tests.core.edge.playing import settled
from tests.core.edge.tiny_models import convert_wavegan, metadata_of, runner
from wavegan_tf.core.edge.page import make_page
from wavegan_tf.core.serving import saved_model
from wavegan_tf.networks import WaveGANGenerator

DRUMS = Path(wavegan_tf.demo.__file__).parent / "pretrained" / "drums"
MAKE = "async z => [...await instrument.engine.generate({ z })]"


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["float16", "float32"])
def test_the_demos_drums_start_soon_and_sound_as_the_saved_model(pages, tmp_path, weights):
    path = tmp_path / "drums.html"
    model, metadata = convert_wavegan(str(DRUMS), weights)
    path.write_text(make_page(model, metadata), encoding="utf-8")
    page = pages.open(path)
    assert float(page.get_attribute("html", "data-ready")) < 2
    settled(page)
    z = np.random.default_rng(0).uniform(-1, 1, [10, 100]).astype(np.float32)
    made = np.array([page.evaluate(MAKE, row.tolist()) for row in z])
    if weights == "float16":
        assert path.stat().st_size < 7_000_000
        wanted = np.stack([runner(model)(z=row[None]) for row in z])
    else:
        wanted = tf.saved_model.load(str(DRUMS)).signatures["serving_default"](z=tf.constant(z))["G_z"].numpy()
    np.testing.assert_allclose(made, wanted[:, :, 0], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("length", [16384, 65536])
def test_a_full_size_wavegan_works(pages, tmp_path, length):
    keras.utils.set_random_seed(1)
    network = WaveGANGenerator(slice_len=length)
    network(np.zeros([1, 100], np.float32))
    module = saved_model.LatentsModule(lambda z: {"G_z": 50 * network(z)}, network, 100)
    saved_model.export(
        module, str(tmp_path / "model"), {k: v for k, v in metadata_of("wavegan").items() if k != "samples"}
    )
    (tmp_path / "page.html").write_text(make_page(*convert_wavegan(str(tmp_path / "model"))), encoding="utf-8")
    page = pages.open(tmp_path / "page.html")
    settled(page)
    z = np.random.default_rng(0).uniform(-1, 1, [2, 100]).astype(np.float32)
    for row in z:
        made = np.array(page.evaluate(MAKE, row.tolist()))
        np.testing.assert_allclose(made, 50 * network(row[None]).numpy()[0, :, 0], atol=1e-6)
        assert len(made) == length and made.std() > 0.01
