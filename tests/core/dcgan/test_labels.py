"""Networks, losses and draws with labels, and a run with them."""

from __future__ import annotations

import itertools
import json
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import wavegan_tf as wavegan
from specgan_tf.networks import SpecGANDiscriminator, SpecGANGenerator
from tests.commands import checkpoint_values, few_drums
from tests.steps import BATCH_SIZE, gan_parts
from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core.dcgan.draws import UpdateDraws
from wavegan_tf.core.dcgan.losses import AdversarialLosses
from wavegan_tf.core.dcgan.updates import Updates
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.nn.conditioning import LabelEmbedding
from wavegan_tf.networks import WaveGANDiscriminator, WaveGANGenerator

NETWORKS = {"wavegan": (WaveGANGenerator, WaveGANDiscriminator), "specgan": (SpecGANGenerator, SpecGANDiscriminator)}
SMALL: dict[str, Any] = {"dim": 1, "kernel_len": 3}
NUM_LABELS = 3


@pytest.mark.parametrize("model", NETWORKS)
@pytest.mark.parametrize("norm", [False, True])
def test_a_folded_generator_is_the_same_function(model, norm):
    """Also of mixtures of labels; with as many labels as numbers it stays as it is."""
    generator = NETWORKS[model][0](**SMALL, latent_dim=4, num_labels=NUM_LABELS, use_batchnorm=norm)
    rng = np.random.default_rng(2)
    for variable in generator.variables:
        variable.assign(np.abs(variable + 0.1 * rng.normal(size=variable.shape)))
    small = generator.folded()
    assert small.label_embedding.dim == NUM_LABELS and small.count_params() < generator.count_params()
    z, mixed = rng.uniform(-1, 1, [3, 4]).astype(np.float32), np.array([[0.2, 0.3, 0.5]] * 3, np.float32)
    for labels in (np.array([2, 0, 1], np.int32), mixed):
        np.testing.assert_allclose(small(z, labels), generator(z, labels), rtol=1e-5, atol=1e-5)
    assert small.folded() is small


def test_embedding_is_a_row_of_the_table_or_a_mixture_of_rows(tmp_path):
    layer = LabelEmbedding(NUM_LABELS, 5, "normal")
    labels = np.array([2, 0, 2, 1], np.int32)
    table = np.arange(15.0).reshape(NUM_LABELS, 5)
    layer.build((None,))
    layer.table.assign(table)
    np.testing.assert_allclose(layer(labels), table[labels])
    np.testing.assert_allclose(layer(np.array([[0.25, 0, 0.75]], np.float32)), [0.25 * table[0] + 0.75 * table[2]])
    assert layer.compute_output_shape((4,)) == (4, 5)
    again = LabelEmbedding.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize("model", NETWORKS)
def test_networks_with_labels_are_kept_by_keras(model, tmp_path):
    for network, inputs in zip(NETWORKS[model], ([2, 6], None), strict=True):
        own = {"latent_dim": 6} if inputs else {}
        made = network(**SMALL, **own, num_labels=NUM_LABELS)
        again = type(made).from_config(made.get_config())
        assert [v.path.partition("/")[2] for v in again.variables] == [v.path.partition("/")[2] for v in made.variables]
        plain = network(**SMALL, **own)
        assert not any("label" in variable.path for variable in plain.variables)
        assert len(plain.variables) < len(made.variables)


@pytest.mark.parametrize("model", NETWORKS)
def test_each_label_has_sounds_of_its_own(model):
    keras.utils.set_random_seed(1)  # networks as small as this can be silent
    generator, discriminator = NETWORKS[model]
    generator = generator(**SMALL, latent_dim=6, num_labels=NUM_LABELS)
    discriminator = discriminator(**SMALL, num_labels=NUM_LABELS)
    z = np.repeat(np.random.default_rng(0).uniform(-1, 1, [1, 6]), NUM_LABELS, axis=0).astype(np.float32)
    sounds = generator(z, tf.range(NUM_LABELS)).numpy()
    mixed = generator(z, tf.eye(NUM_LABELS)).numpy()
    np.testing.assert_allclose(mixed, sounds, atol=1e-6)
    for one, other in itertools.combinations(range(NUM_LABELS), 2):
        assert np.abs(sounds[one] - sounds[other]).max() > 0
    scores, label_logits = discriminator(sounds)
    assert scores.shape == (NUM_LABELS,) and label_logits.shape == (NUM_LABELS, NUM_LABELS)
    found = discriminator.compute_output_shape(sounds.shape)
    assert found == ((NUM_LABELS,), (NUM_LABELS, NUM_LABELS))


def test_labels_are_told_apart_by_the_features_of_the_score():
    critic = WaveGANDiscriminator(**SMALL, num_labels=NUM_LABELS)
    plain = WaveGANDiscriminator(**SMALL)
    for mine, its in zip(plain.variables, [v for v in critic.variables if "labels" not in v.path], strict=True):
        mine.assign(its)
    x = np.random.default_rng(1).normal(size=[4, 16384, 1]).astype(np.float32)
    scores, label_logits = critic(x)
    np.testing.assert_array_equal(scores, plain(x))
    assert critic.label_dense is not None
    for number in range(NUM_LABELS):
        # A score whose last layer is that of a label is its logit.
        plain.output_dense.kernel.assign(critic.label_dense.kernel[:, number : number + 1])
        np.testing.assert_allclose(plain(x), label_logits[:, number], rtol=1e-4, atol=1e-6)


class Critic(keras.Model):
    """Scores and label logits that are simple to compute by hand."""

    def call(self, x, phases=None):
        return tf.reduce_sum(x, axis=(1, 2)) / 2.0, x[:, :NUM_LABELS, 0]


def test_losses_with_labels():
    """The cross entropies of the real samples, and of the fakes with the labels that were asked for, times 10."""
    fake, real = (np.random.default_rng(seed).normal(size=[4, 4, 1]).astype(np.float32) for seed in (1, 2))
    asked = []

    def generator(z, labels, training):
        asked.append(labels.numpy().tolist())
        return tf.constant(fake)

    losses = AdversarialLosses(generator=generator, discriminator=Critic(), loss="wgan-gp", with_labels=True)
    labels = np.array([0, 1, 2, 1], np.int32)
    draws = {"z": tf.zeros([4, 2]), "alpha": tf.constant([0.1, 0.5, 0.7, 0.9]), "phases": tf.zeros([3, 0, 1], tf.int32),
             "labels": tf.constant(labels)}  # fmt: skip

    def cross_entropy(x):
        logits = x[:, :NUM_LABELS, 0].astype(float)
        return np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(4), labels])

    loss, metrics = losses.discriminator_loss(tf.constant(real), draws)
    assert tuple(metrics) == losses.discriminator_metrics and asked == [labels.tolist()]
    assert float(metrics["D_label_loss"]) == pytest.approx(cross_entropy(real), rel=1e-5)
    # Its slope is 1 everywhere, so there is no penalty.
    expected = fake.sum() / 8 - real.sum() / 8 + 10 * cross_entropy(real)
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    loss, metrics = losses.generator_loss(draws)
    assert float(metrics["G_label_loss"]) == pytest.approx(cross_entropy(fake), rel=1e-5)
    assert float(loss) == pytest.approx(-fake.sum() / 8 + 10 * cross_entropy(fake), rel=1e-5)


def test_labels_are_drawn_as_often_as_their_shares_say():
    shares = (0.5, 0.0, 0.3, 0.2)
    draw = UpdateDraws(seed=3, batch_size=4000, latent_dim=2, label_shares=shares)
    found = draw("generator", 7, 1)
    labels = found["labels"].numpy()
    assert labels.dtype == np.int32
    np.testing.assert_allclose(np.bincount(labels, minlength=4) / 4000, shares, atol=0.03)
    np.testing.assert_array_equal(labels, draw("generator", 7, 1)["labels"])
    assert (labels != draw("generator", 8, 1)["labels"].numpy()).any()
    plain = UpdateDraws(seed=3, batch_size=4000, latent_dim=2)("generator", 7, 1)
    assert "labels" not in plain
    for name, value in plain.items():
        np.testing.assert_array_equal(value, found[name])


def test_fakes_of_a_critics_update_have_the_labels_of_its_clips(tmp_path):
    parts = gan_parts("wavegan", tmp_path)
    labels = tf.data.Dataset.range(10**6).map(lambda i: tf.cast(i, tf.int32)).batch(BATCH_SIZE, drop_remainder=True)
    optimizers = parts.trainables.g_optimizer, parts.trainables.d_optimizer
    updates = Updates(parts.gan, *optimizers, parts.run, 0, BATCH_SIZE, (0.5, 0.5))
    critic, generator = next(iter(updates.elements(tf.data.Dataset.zip((parts.clips, labels)), 0, 0)))
    assert critic["labels"].numpy().tolist() == [[0, 1, 2, 3]]
    assert set(generator["labels"].numpy().ravel()) <= {0, 1} and generator["labels"].shape == (1, BATCH_SIZE)


def config_of(folder, **options):
    return WaveGANConfig(
        data_dir=str(folder / "drums"), data_first_slice=True, data_labels="name", wavegan_dim=1, wavegan_kernel_len=9,
        wavegan_latent_dim=4, wavegan_disc_nupdates=2, train_batch_size=4, preview_n=5, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of two steps over drums of two labels or more, balanced and with an average."""
    folder = tmp_path_factory.mktemp("labels")
    few_drums(folder / "drums", 12)
    wavegan.train(config_of(folder, train_steps=2, data_balance=True, train_ema_decay=0.5), folder / "run")
    return folder


def labels_in(folder):
    return json.loads((folder / "run" / "labels.json").read_text())["labels"]


def test_labels_are_kept_with_the_run_and_the_preview_has_a_row_for_each(trained):
    import soundfile

    names = sorted({path.name.split("_")[0] for path in (trained / "drums").iterdir()})
    assert labels_in(trained) == names and len(names) > 1
    each = max(1, 5 // len(names))
    z = np.load(trained / "run" / "preview" / "z.npy")
    assert len(z) == each
    info = soundfile.info(str(trained / "run" / "preview" / "00000002.wav"))
    assert info.frames == each * len(names) * (16384 + 8000)


@pytest.mark.slow
def test_a_run_in_parts_is_that_which_went_on(trained):
    options = {"data_balance": True, "train_ema_decay": 0.5}
    wavegan.train(config_of(trained, train_steps=4, **options), trained / "run")
    wavegan.train(config_of(trained, train_steps=4, **options), trained / "whole")
    parts, whole = (checkpoint_values(trained / name / "model.ckpt-4") for name in ("run", "whole"))
    assert parts.keys() == whole.keys()
    for name, value in whole.items():
        np.testing.assert_array_equal(value, parts[name], err_msg=name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data_labels": "none"}, "^data_labels=none: the run in this directory was started with name"),
        ({"data_labels": "folder"}, "^data_labels=folder: the run in this directory was started with name"),
    ],
)
def test_a_run_keeps_its_labels(trained, options, message):
    with pytest.raises(UserError, match=message):
        wavegan.train(WaveGANConfig(data_dir=str(trained / "drums"), data_first_slice=True, **options), trained / "run")


def test_a_run_whose_labels_are_gone_is_neither_continued_nor_exported(trained, tmp_path):
    kept = trained / "run" / "labels.json"
    text = kept.read_text()
    kept.unlink()
    try:
        with pytest.raises(UserError, match=r"labels\.json: cannot be read as the labels of the run"):
            wavegan.export_model(trained / "run", tmp_path / "1")
        with pytest.raises(UserError, match=r"labels\.json: cannot be read as the labels of the run"):
            wavegan.train(config_of(trained, train_steps=9, data_balance=True), trained / "run")
    finally:
        kept.write_text(text)


def test_csv_needs_its_file(tmp_path):
    with pytest.raises(UserError, match="^data_labels=csv: requires data_labels_file"):
        wavegan.train(WaveGANConfig(data_dir=str(tmp_path), data_labels="csv"), tmp_path / "run")
    assert not (tmp_path / "run").exists()
