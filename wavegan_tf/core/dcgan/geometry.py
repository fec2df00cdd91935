"""Sizes of the networks that WaveGAN and SpecGAN have in common, by arithmetic."""

from __future__ import annotations

import dataclasses
import math

# Channels of the widest layer, in units of `dim`: those of the originals' longest networks. Deeper ones grow no wider.
WIDEST = 32
# Phase shuffles follow the discriminator's first four layers, as in the originals, and never the last.
_MOST_SHUFFLES = 4


@dataclasses.dataclass(frozen=True)
class Geometry:
    """Sizes of a pair of networks.

    Attributes:
      first_shape: positions along each axis (one or two) after the generator's dense layer; the discriminator ends with
        the same.
      strides: of the generator's layers in order, and of the discriminator's, along every axis.
      dim: the layer beside the sample has `dim` channels, and each one farther from it twice as many.
      channels: of a sample.
      lengths: of a sample along each axis. The networks are that long or a little longer: the generator's output is
        cut at the end of each axis, and the discriminator's input is zero-padded there. None for those of the networks.

    Raises:
      ValueError: the networks are shorter than a sample.
    """

    first_shape: tuple[int, ...]
    strides: tuple[int, ...]
    dim: int
    channels: int
    lengths: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if any(surplus < 0 for surplus in self.surplus):
            raise ValueError(f"samples of {self.lengths} do not fit into networks of {self.network_lengths}")

    @property
    def network_lengths(self) -> tuple[int, ...]:
        """Positions along each axis that the strides make of the first shape."""
        return tuple(length * math.prod(self.strides) for length in self.first_shape)

    @property
    def surplus(self) -> tuple[int, ...]:
        """Positions along each axis by which the networks are longer than a sample."""
        lengths = self.network_lengths if self.lengths is None else self.lengths
        return tuple(network - sample for network, sample in zip(self.network_lengths, lengths, strict=True))

    @property
    def discriminator_channels(self) -> list[int]:
        """[channels, dim, 2 dim, ... 16 dim] for five layers; at most `WIDEST` dim for more."""
        return [self.channels] + [self.dim * min(2**power, WIDEST) for power in range(len(self.strides))]

    @property
    def generator_channels(self) -> list[int]:
        """[16 dim, ... 2 dim, dim, channels] for five layers."""
        return self.discriminator_channels[::-1]

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of a sample, without the batch: [..., channels]."""
        return (*(self.network_lengths if self.lengths is None else self.lengths), self.channels)

    @property
    def num_shuffled(self) -> int:
        """Layers of the discriminator, from the sample on, that a phase shuffle follows."""
        return min(_MOST_SHUFFLES, len(self.strides) - 1)

    @property
    def largest_shift(self) -> int:
        """Largest radius of a phase shuffle: it reflects what it shifts, so that a layer must be longer than that."""
        return self.network_lengths[0] // math.prod(self.strides[: self.num_shuffled]) - 1

    def receptive_field(self, kernel_len: int) -> int:
        """Positions of a sample, along each axis, on which one value of the discriminator's last layer depends."""
        return 1 + (kernel_len - 1) * sum(math.prod(self.strides[:layer]) for layer in range(len(self.strides)))

    @property
    def flat(self) -> int:
        """Values after the dense layer, and before the logit."""
        return math.prod(self.first_shape) * self.discriminator_channels[-1]

    @property
    def generated_values(self) -> int:
        """Values after all layers of the generator together, for one sample."""
        return sum(count * filters for count, filters in zip(self._positions, self.generator_channels, strict=True))

    @property
    def convolutions(self) -> list[tuple[int, int, int]]:
        """(positions of its coarser side, channels there, channels of its finer side) of each, in either network."""
        channels = self.generator_channels
        return list(zip(self._positions, channels, channels[1:], strict=False))

    @property
    def _positions(self) -> list[int]:
        """Before each of the generator's convolutions, and after the last."""
        first, rank = math.prod(self.first_shape), len(self.first_shape)
        return [first * math.prod(self.strides[:i]) ** rank for i in range(len(self.strides) + 1)]

    def num_parameters(self, kernel_len: int, latent_dim: int, use_batchnorm: bool) -> tuple[int, int]:
        """Numbers that are trained in `LatentGenerator` and in `LogitDiscriminator`, by arithmetic."""
        kernel, channels = kernel_len ** len(self.first_shape), self.generator_channels
        convolutions = kernel * sum(a * b for a, b in zip(channels, channels[1:], strict=False))
        norms = [2 * sum(channels[:-1]), 2 * sum(channels[:-2])] if use_batchnorm else [0, 0]
        generator = (latent_dim + 1) * self.flat + convolutions + sum(channels[1:])
        discriminator = convolutions + sum(channels[:-1]) + self.flat + 1
        return generator + norms[0], discriminator + norms[1]
