"""Networks of any length, bins and channels: beside those of whole strides, and beside the originals' tables."""

from __future__ import annotations

import bisect
import math

import numpy as np
import pytest
import tensorflow as tf

import specgan_tf.geometry
import wavegan_tf.geometry
from specgan_tf.config import SpecGANConfig
from specgan_tf.networks import SpecGANDiscriminator, SpecGANGenerator
from tests import documents
from tests.originals import assert_near
from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core.dcgan.geometry import Geometry
from wavegan_tf.core.dcgan.presets import CLIPS
from wavegan_tf.core.errors import UserError
from wavegan_tf.networks import WaveGANDiscriminator, WaveGANGenerator


@pytest.mark.parametrize(
    ("slice_len", "first", "strides"),
    [
        (16384, 16, [4, 4, 4, 4, 4]), (32768, 16, [4, 4, 4, 4, 4, 2]), (65536, 16, [4] * 6),  # the original's
        (64, 16, [4]), (65, 17, [4]), (124, 31, [4]), (125, 16, [4, 2]), (128, 16, [4, 2]), (129, 17, [4, 2]),
        (248, 31, [4, 2]), (249, 16, [4, 4]), (2000, 16, [4, 4, 4, 2]), (16383, 16, [4] * 5), (16385, 17, [4] * 5),
        (31744, 31, [4] * 5), (31745, 16, [4] * 5 + [2]), (44100, 22, [4] * 5 + [2]), (480000, 30, [4] * 7),
    ],
)  # fmt: skip
def test_layers_follow_from_the_length(slice_len, first, strides):
    found = wavegan_tf.geometry.geometry(slice_len, 64, 1)
    assert (found.first_shape, list(found.strides)) == ((first,), strides)


def test_the_rule_at_every_length():
    """The shortest network that reaches the clip, of all that begin with 16 to 31 samples."""
    lengths = sorted({first * 2**doublings for first in range(16, 32) for doublings in range(1, 16)})
    beside = [length + more for length in lengths[:-1] for more in (-1, 0, 1) if length > 2900]
    for slice_len in [*range(64, 3000), *beside]:
        found = wavegan_tf.geometry.geometry(slice_len, 1, 1)
        assert found.network_lengths == (lengths[bisect.bisect_left(lengths, slice_len)],)
        assert found.sample_shape == (slice_len, 1) and set(found.strides[:-1]) <= {4}


def test_channels_double_up_to_those_of_the_originals_longest_network():
    assert wavegan_tf.geometry.geometry(65536, 64, 1).generator_channels[0] == 2048
    assert wavegan_tf.geometry.geometry(480000, 64, 1).generator_channels == [2048, 2048, 1024, 512, 256, 128, 64, 1]


def test_receptive_field_is_what_moves_the_last_layer():
    for slice_len, kernel in ((500, 5), (250, 25)):
        found = wavegan_tf.geometry.geometry(slice_len, 1, 1)
        last = found.first_shape[0] // 2
        low = high = last
        for stride in reversed(found.strides):  # the inputs that a "same" convolution takes of these outputs
            before = max(kernel - stride, 0) // 2
            low, high = low * stride - before, high * stride - before + kernel - 1
        assert high - low + 1 == found.receptive_field(kernel)
    assert WaveGANConfig().geometry().receptive_field(25) == 8185


def test_a_network_shorter_than_a_sample_is_none():
    with pytest.raises(ValueError, match="do not fit"):
        Geometry(first_shape=(4,), strides=(2, 2), dim=1, channels=1, lengths=(17,))


WAVE = {"dim": 2, "kernel_len": 5}
SPEC = {"dim": 1, "kernel_len": 3}


def twins(kind, arguments, whole, *inputs):
    """The outputs of a network and of its twin of whole strides with the same weights."""
    one, other = kind(**arguments), kind(**{**arguments, **whole})
    rng = np.random.default_rng(0)
    one.set_weights([rng.normal(0, 0.2, weight.shape) for weight in one.get_weights()])
    other.set_weights(one.get_weights())
    return one, other


@pytest.mark.parametrize("slice_len", [64, 65, 100, 127, 128, 129, 255, 256, 257, 1000])
@pytest.mark.parametrize("upsample", ["zeros", "nn"])
def test_wavegan_of_any_length_is_the_longer_one_cut_and_padded(slice_len, upsample):
    whole = {"slice_len": wavegan_tf.geometry.geometry(slice_len, 1, 1).network_lengths[0]}
    z = tf.random.stateless_uniform([2, 3], [0, 0], -1, 1)
    arguments = {**WAVE, "slice_len": slice_len, "nch": 2, "latent_dim": 3, "upsample": upsample}
    short, long = twins(WaveGANGenerator, arguments, whole)
    x = short(z)
    assert x.shape == (2, slice_len, 2) == short.compute_output_shape((2, 3))
    np.testing.assert_array_equal(x, long(z)[:, :slice_len])
    arguments = {**WAVE, "slice_len": slice_len, "nch": 2, "use_batchnorm": True, "phaseshuffle_rad": 2}
    short, long = twins(WaveGANDiscriminator, arguments, whole)
    phases = tf.constant([[1], [-2], [2], [-1]])
    padded = tf.pad(x, [[0, 0], [0, whole["slice_len"] - slice_len], [0, 0]])
    np.testing.assert_array_equal(short(x, phases=phases), long(padded, phases=phases))


@pytest.mark.parametrize(("frames", "bins"), [(1, 32), (31, 33), (32, 64), (33, 65), (94, 353), (128, 128)])
@pytest.mark.parametrize("upsample", ["zeros", "nn", "cubic"])
def test_specgan_of_any_size_is_the_larger_one_cut_and_padded(frames, bins, upsample):
    whole = dict(zip(("frames", "bins"), specgan_tf.geometry.geometry(frames, 1, bins).network_lengths, strict=True))
    z = tf.random.stateless_uniform([1, 3], [0, 0], -1, 1)
    arguments = {**SPEC, "frames": frames, "bins": bins, "nch": 2, "latent_dim": 3, "upsample": upsample}
    small, large = twins(SpecGANGenerator, arguments, whole)
    x = small(z)
    assert x.shape == (1, frames, bins, 2) == small.compute_output_shape((1, 3))
    np.testing.assert_array_equal(x, large(z)[:, :frames, :bins])
    arguments = {**SPEC, "frames": frames, "bins": bins, "nch": 2, "phaseshuffle_rad": 1}
    small, large = twins(SpecGANDiscriminator, arguments, whole)
    more = [[0, 0], [0, whole["frames"] - frames], [0, whole["bins"] - bins], [0, 0]]
    np.testing.assert_array_equal(small(x), large(tf.pad(x, more)))


def test_shuffles_follow_all_layers_but_the_last_and_at_most_four():
    for slice_len, expected in ((64, 0), (128, 1), (2048, 3), (16384, 4), (65536, 4), (262144, 4)):
        found = wavegan_tf.geometry.geometry(slice_len, 1, 1)
        assert found.num_shuffled == expected
        positions = found.network_lengths[0] // math.prod(found.strides[:expected])
        assert found.largest_shift == positions - 1 and found.largest_shift >= 31


@pytest.mark.parametrize("radius", range(9))
def test_a_radius_that_is_allowed_can_be_shuffled(radius):
    """SpecGAN's layers of short clips have few frames; a shift that they cannot reflect is refused."""
    for frames in (2, 32, 64, 96, 128):
        geometry = specgan_tf.geometry.geometry(frames, 1)
        if radius > geometry.largest_shift:
            with pytest.raises(UserError, match="must be at most"):
                SpecGANConfig(data_slice_len=128 * frames, specgan_disc_phaseshuffle=radius)
        elif radius <= 7:
            SpecGANConfig(data_slice_len=128 * frames, specgan_disc_phaseshuffle=radius)
    frames = 32
    network = SpecGANDiscriminator(dim=1, kernel_len=3, frames=frames, phaseshuffle_rad=1)
    x = tf.random.stateless_normal([1, frames, 128, 1], [0, 0])
    assert_near(network(x, phases=tf.zeros([4, 1], tf.int32)), network(x), 1e-6)
    assert np.abs(network(x, phases=tf.ones([4, 1], tf.int32)) - network(x)).max() > 1e-6


@pytest.mark.parametrize("config_class", [WaveGANConfig, SpecGANConfig])
@pytest.mark.parametrize("name", CLIPS)
def test_presets_give_options_that_can_be_built(config_class, name):
    config = config_class.from_preset(name, preview_n=4)
    assert (config.preset, config.preview_n) == (name, 4)
    for option, value in {**CLIPS[name]}.items():
        assert getattr(config, option) == value
    frame = config.framing().window_len / config.data_sample_rate if config.model == "specgan" else 0.016
    assert 0.0159 < frame <= 0.016
    small = config_class.from_preset(name, **{f"{config.model}_dim": 1, f"{config.model}_kernel_len": 3})
    of_wavegan = config.model == "wavegan"
    generator = (WaveGANGenerator if of_wavegan else SpecGANGenerator)(**small.generator_arguments())
    discriminator = (WaveGANDiscriminator if of_wavegan else SpecGANDiscriminator)(**small.discriminator_arguments())
    counts = [sum(math.prod(weight.shape) for weight in net.trainable_weights) for net in (generator, discriminator)]
    assert small.num_parameters() == sum(counts)
    x = generator(tf.zeros([1, 100]))
    assert x.shape[1:] == small.geometry().sample_shape and np.isfinite(discriminator(x)).all()


def test_an_unknown_preset_is_named():
    with pytest.raises(UserError, match="preset=drums: must be one of sc09, drums_44k"):
        WaveGANConfig.from_preset("drums")


def rows_of(heading: str) -> list[list[str]]:
    """The cells of the table under a heading of docs/sizes.md."""
    text = (documents.ROOT / "docs" / "sizes.md").read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return rows[2:]


def millions(config) -> str:
    generator, discriminator = config._num_parameters()
    return f"{generator / 1e6:.1f} / {discriminator / 1e6:.1f}"


def test_the_documented_lengths_of_wavegan():
    for length, _, networks, first, strides, wide, narrow, field in rows_of("Lengths of WaveGAN"):
        config, half = (WaveGANConfig(data_slice_len=int(length), wavegan_dim=dim) for dim in (64, 32))
        found = config.geometry()
        assert [networks, first] == [str(found.network_lengths[0]), str(found.first_shape[0])]
        assert strides == " ".join(map(str, found.strides)) and field == str(found.receptive_field(25))
        assert [wide, narrow] == [millions(config), millions(half)]


def test_the_documented_sizes_of_specgan():
    for length, such_as, frame, seen, networks, first, parameters in rows_of("Frames and lengths of SpecGAN"):
        rate = int(such_as.split()[-2])
        config = SpecGANConfig(
            data_sample_rate=rate, data_slice_len=int(length), specgan_window_len=0, specgan_hop_len=0
        )
        found, framing = config.geometry(), config.framing()
        assert frame == f"{framing.window_len} / {framing.hop_len}" and parameters == millions(config)
        shapes = found.sample_shape[:2], found.network_lengths, found.first_shape
        assert [seen, networks, first] == [" x ".join(map(str, shape)) for shape in shapes]
        assert (found.receptive_field(5), 125) == (125, 125)


def test_the_documented_presets():
    found = {(model, preset): (parameters, batch) for model, preset, parameters, batch, *_ in rows_of("Presets")}
    assert found == {
        (config_class.model, name): (f"{config.num_parameters():,}", str(config.train_batch_size))
        for config_class in (WaveGANConfig, SpecGANConfig)
        for name in CLIPS
        for config in [config_class.from_preset(name)]
    }
