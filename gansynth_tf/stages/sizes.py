"""How many parameters the progressive networks have, and what a run needs of memory at the least, by arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gansynth_tf.config import GANSynthConfig
from gansynth_tf.representation import PARTS
from gansynth_tf.schedule import Size
from wavegan_tf.core import memory

# Options that decide how much memory a run needs.
_SIZES = (
    "latent_vector_size", "kernel_size", "start_height", "start_width", "scale_base", "num_resolutions", "fmap_base",
    "fmap_max", "batch_size_schedule", "fake_batch_size", "preview_n", "audio_length",
    "num_channels",
)  # fmt: skip


def num_parameters(
    filters: Sequence[int],
    start_shape: Size,
    kernel_size: int,
    latent_dim: int,
    num_pitches: int,
    simple_arch: bool,
    num_channels: int = 1,
) -> tuple[int, int]:
    """Numbers that are trained in `ProgressiveGenerator` and in `ProgressiveDiscriminator`.

    The arguments are those of the networks.
    """
    last, first, kernel, start = filters[0], filters[1], kernel_size**2, math.prod(start_shape)
    image = PARTS * num_channels
    pairs = list(zip(filters[1:], filters[2:], strict=False))  # coarser and finer of neighbouring blocks
    to_rgb = sum(image * (size + 1) for size in filters[1:])
    from_rgb = sum(size * (image + 1) for size in filters[1:])
    heads = last + 1 + (last + 1) * num_pitches
    generator = (latent_dim + num_pitches) * start * first
    if simple_arch:
        generator += start * first + sum(kernel * a * b + b for a, b in pairs)
        discriminator = sum(kernel * a * b + a for a, b in pairs) + (start * (first + 1) + 1) * last
    else:
        squares = sum(kernel * size * size + size for size in filters[1:])
        generator += first + squares + sum(kernel * a * b + b for a, b in pairs)
        discriminator = squares + kernel * first + (start * first + 1) * last
        discriminator += sum(kernel * a * b + a for a, b in pairs)
    return generator + to_rgb, discriminator + from_rgb + heads


def convolutions(config: GANSynthConfig) -> list[tuple[int, int, int]]:
    """(positions, input channels, output channels) of each but 1 x 1, in either network of the last stage."""
    filters, resolutions = config.filters(config.num_resolutions), config.resolutions
    found = []
    for block in range(1, config.num_resolutions + 1):
        positions = math.prod(resolutions.resolutions(block))
        if block > 1:
            found.append((positions, filters[block - 1], filters[block]))
        if not config.simple_arch:
            found.append((positions, filters[block], filters[block]))
    return found


def need(config: GANSynthConfig) -> memory.Need:
    """Least memory of training at the last stage; without a GPU, the layers' values are part of it."""
    resolutions, filters = config.resolutions, config.filters(config.num_resolutions)
    frames, bins = resolutions.final_resolutions
    batch = config.schedule.stage(config.schedule.num_stages - 1).batch_size
    start, latent_dim = resolutions.start_resolutions, config.latent_vector_size
    generator, discriminator = num_parameters(
        filters, start, config.kernel_size, latent_dim, config.num_pitches, config.simple_arch,
        config.num_channels,
    )
    values = generator  # its moving average
    image = PARTS * config.num_channels * frames * bins
    values += (batch + config.fake_batch_size + config.preview_n) * (image + latent_dim)
    values += 4 * bins**2 if config.data_type == "mel" else 0  # two matrices of float64
    if memory.holds_layers():
        sizes = [math.prod(resolutions.resolutions(block)) for block in range(1, config.num_resolutions + 1)]
        values += batch * sum(size * channels for size, channels in zip(sizes, filters[1:], strict=True))
    return memory.Need(generator + discriminator, values)


def require_memory(config: GANSynthConfig) -> None:
    """Raises UserError, which names an option, if this machine has less memory than training needs."""
    memory.require(config, need, _SIZES)
