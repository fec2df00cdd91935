"""What is WaveGAN's own in its networks; tests/core/dcgan/test_networks.py holds them against the original."""

from __future__ import annotations

import pytest
import tensorflow as tf

from wavegan_tf.networks import WaveGANDiscriminator, WaveGANGenerator


@pytest.mark.parametrize(("slice_len", "layers"), [(16384, 5), (32768, 6), (65536, 6)])
def test_longer_slices_have_the_papers_layers(slice_len, layers):
    network = WaveGANGenerator(slice_len=slice_len, dim=2, kernel_len=5, latent_dim=3)
    critic = WaveGANDiscriminator(slice_len=slice_len, dim=2, kernel_len=5)
    channels = [2 * 2**power for power in range(layers)]
    pairs = list(zip([1, *channels], channels, strict=False))
    convolutions = sum(5 * a * b for a, b in pairs)
    biases = sum(channels[:-1]) + 1
    assert network.count_params() == 3 * 16 * channels[-1] + 16 * channels[-1] + convolutions + biases
    assert critic.count_params() == convolutions + sum(channels) + 16 * channels[-1] + 1
    waveform = network(tf.zeros([1, 3]))
    assert waveform.shape == (1, slice_len, 1) == network.compute_output_shape((1, 3))
    assert critic(waveform).shape == (1,)


def test_impossible_arguments_are_refused():
    with pytest.raises(ValueError, match="one channel"):
        WaveGANGenerator(nch=2, pp_len=512)
    with pytest.raises(ValueError, match="upsample"):
        WaveGANGenerator(upsample="linear")
