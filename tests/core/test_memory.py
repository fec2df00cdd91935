"""Sizes that no machine holds are refused by arithmetic, which counts what networks that are built have."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from gansynth_tf.config import GANSynthConfig
from gansynth_tf.networks import ProgressiveDiscriminator, ProgressiveGenerator
from gansynth_tf.stages import sizes
from specgan_tf.config import SpecGANConfig
from specgan_tf.networks import SpecGANDiscriminator, SpecGANGenerator
from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core import memory
from wavegan_tf.core.errors import UserError
from wavegan_tf.networks import WaveGANDiscriminator, WaveGANGenerator


def count(network) -> int:
    return sum(int(variable.shape.num_elements()) for variable in map(lambda v: v.value, network.trainable_variables))


@pytest.mark.parametrize("length", [16384, 32768, 65536])
@pytest.mark.parametrize("batchnorm", [False, True])
def test_wavegans_and_specgans_parameters_are_counted(length, batchnorm):
    shared = {"data_slice_len": length}
    for channels, kernel, dim, upsample in ((1, 25, 1, "zeros"), (2, 3, 2, "nn")):
        own = {"kernel_len": kernel, "dim": dim, "latent_dim": 5, "batchnorm": batchnorm, "genr_upsample": upsample}
        wave = WaveGANConfig(
            **shared, data_num_channels=channels, wavegan_genr_pp=channels == 1, wavegan_genr_pp_len=5,
            **{f"wavegan_{name}": value for name, value in own.items()},
        )  # fmt: skip
        generator, discriminator = wave.generator_arguments(), wave.discriminator_arguments()
        networks = WaveGANGenerator(**generator), WaveGANDiscriminator(**discriminator)
        assert wave.num_parameters() == sum(map(count, networks))
        spec = SpecGANConfig(**shared, **{f"specgan_{name}": value for name, value in own.items()})
        images = SpecGANGenerator(**spec.generator_arguments()), SpecGANDiscriminator(**spec.discriminator_arguments())
        assert spec.num_parameters() == sum(map(count, images))


@pytest.mark.parametrize("simple", [False, True])
@pytest.mark.parametrize("blocks", [1, 2, 4])
def test_gansynths_parameters_are_counted(simple, blocks):
    for kernel, start, pitches in itertools.product((1, 3), ((2, 4), (1, 1)), (1, 5)):
        filters, scale = [7, 6, 4, 3, 2][: blocks + 1], (2, 2)
        shared = {
            "filters": filters, "start_shape": start, "block_scale": scale, "kernel_size": kernel,
            "num_pitches": pitches, "simple_arch": simple,
        }  # fmt: skip
        networks = ProgressiveGenerator(**shared, latent_dim=9), ProgressiveDiscriminator(**shared)
        assert sizes.num_parameters(filters, start, kernel, 9, pitches, simple) == tuple(map(count, networks))


def test_every_layers_values_are_counted():
    config = WaveGANConfig(wavegan_dim=2)
    # After the dense layer, and after each of five transposed convolutions.
    expected = 16 * 32 + 64 * 16 + 256 * 8 + 1024 * 4 + 4096 * 2 + 16384
    assert config.geometry().generated_values == expected
    assert SpecGANConfig(specgan_dim=1).geometry().generated_values == sum(
        size * size * channels for size, channels in ((4, 16), (8, 8), (16, 4), (32, 2), (64, 1), (128, 1))
    )


def test_the_default_sizes_are_those_of_the_papers_and_fit():
    # Figures of docs/wavegan.md.
    assert WaveGANConfig(wavegan_dim=32).num_parameters() == 5_180_673 + 4_361_985
    for config in (WaveGANConfig(), SpecGANConfig()):
        config.require_memory()
    sizes.require_memory(GANSynthConfig())


HUGE = 2**31 - 1


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (WaveGANConfig(wavegan_dim=100_000_000), "wavegan_dim"),
        (WaveGANConfig(wavegan_latent_dim=1_000_000_000), "wavegan_latent_dim"),
        (WaveGANConfig(wavegan_kernel_len=1024, wavegan_dim=4096), "wavegan_dim"),
        (WaveGANConfig(train_batch_size=HUGE), "train_batch_size"),
        (SpecGANConfig(specgan_dim=HUGE), "specgan_dim"),
        (SpecGANConfig(specgan_latent_dim=HUGE), "specgan_latent_dim"),
        (GANSynthConfig(latent_vector_size=1_000_000_000), "latent_vector_size"),
        (GANSynthConfig(start_width=2**30), "start_width"),
        (GANSynthConfig(start_height=HUGE), "start_height"),
        (GANSynthConfig(num_resolutions=20, fmap_base=2**20), "num_resolutions"),
        (GANSynthConfig(scale_base=2**30), "scale_base"),
        (GANSynthConfig(fmap_base=HUGE, fmap_max=HUGE), "fmap_max"),
        (GANSynthConfig(batch_size_schedule=(HUGE,)), "batch_size_schedule"),
    ],
)
def test_sizes_that_no_machine_holds_are_refused_by_the_flag_that_asks_for_them(config, name):
    value = getattr(config, name)
    shown = value[0] if isinstance(value, tuple) else value
    require = sizes.require_memory if isinstance(config, GANSynthConfig) else type(config).require_memory
    with pytest.raises(UserError, match=rf"^{name}={shown}: networks of [0-9,]+ parameters .* GiB of memory"):
        require(config)


@dataclasses.dataclass(frozen=True)
class Sizes:
    a: int = 1
    b: int = 1


@pytest.mark.parametrize(("a", "is_held"), [(9, True), (10, True), (11, False)])
def test_the_border_is_the_memory_of_the_machine(monkeypatch, a, is_held):
    monkeypatch.setattr(memory, "of_machine", lambda: 4 * (3 * 10 * 2 + 5))

    def need(options: Sizes) -> memory.Need:
        return memory.Need(options.a * options.b, 5)

    if is_held:
        memory.require(Sizes(a, 2), need, ("a", "b"))
    else:
        with pytest.raises(UserError, match=f"^a={a}: networks of 22 parameters"):
            memory.require(Sizes(a, 2), need, ("b", "a"))


def test_the_memory_of_this_machine():
    assert 2**28 < memory.of_machine() < 2**45


@pytest.mark.parametrize(("text", "limited"), [("max\n", False), (f"{2**29}\n", True), ("", False), (None, False)])
def test_a_limit_of_the_process_counts(tmp_path, monkeypatch, text, limited):
    path = tmp_path / "memory.max"
    if text is not None:
        path.write_text(text)
    monkeypatch.setattr(memory, "_LIMIT_FILES", (str(path),))
    assert (memory.of_machine() == 2**29) == limited
