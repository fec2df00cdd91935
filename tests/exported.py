"""Exported models of any option, with random weights that make sound, in a moment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

import gansynth_tf.signatures
import specgan_tf.signatures
import wavegan_tf.signatures
from gansynth_tf.config import GANSynthConfig
from gansynth_tf.normalizer import of_rows, prespecified
from gansynth_tf.representation import FREQ
from gansynth_tf.resolution import StageData
from gansynth_tf.stages.features import make_features
from gansynth_tf.stages.model import make_generator
from specgan_tf.config import SpecGANConfig
from specgan_tf.geometry import Moments
from specgan_tf.networks import SpecGANGenerator
from wavegan_tf.config import WaveGANConfig
from wavegan_tf.core.serving import saved_model
from wavegan_tf.core.serving.finishing import Finish
from wavegan_tf.networks import WaveGANGenerator

# Small, with all layers.
_PLAIN = Finish()
_SMALL = {"dim": 2, "latent_dim": 8}


def wavegan(folder: Path, float16: bool = False, labels: Any = (), finish: Finish = _PLAIN, **options: Any) -> str:
    """The folder of an exported WaveGAN of some labels; `options` are those of `WaveGANConfig`, by default small."""
    config = WaveGANConfig(**{f"wavegan_{name}": value for name, value in _SMALL.items()} | options)
    network = WaveGANGenerator(**config.generator_arguments(len(labels)))
    _enliven(network, 0)
    gan = _gan(config, network, labels)
    served = _half(network) if float16 else network
    module = wavegan_tf.signatures.make_module(gan, served, config.data_sample_rate, finish)
    return _export(module, folder, _metadata(config, gan, finish))


def specgan(folder: Path, float16: bool = False, labels: Any = (), finish: Finish = _PLAIN, **options: Any) -> str:
    """The folder of an exported SpecGAN of some labels; `options` are those of `SpecGANConfig`, by default small."""
    config = SpecGANConfig(**{f"specgan_{name}": value for name, value in _SMALL.items()} | options)
    network = SpecGANGenerator(**config.generator_arguments(len(labels)))
    _enliven(network, 0)
    rng = np.random.default_rng(0)
    framing = config.framing()
    bins = framing.num_bins
    mean = -2.0 - 4.0 * np.arange(bins) / (bins - 1) + rng.normal(0, 0.3, bins)
    stored = Moments(mean.astype(np.float32), rng.uniform(0.8, 1.5, bins).astype(np.float32))
    gan = _gan(config, network, labels)
    module = specgan_tf.signatures.SpecGANModule(
        gan, _half(network) if float16 else network, config, stored, finish
    )
    own = {
        "window_len": framing.window_len, "hop_len": framing.hop_len,
        "clip_nstd": config.specgan_clip_nstd, "ngl": config.specgan_ngl, "inversion": config.specgan_inversion,
        "moments": {"mean": stored.mean.tolist(), "std": stored.std.tolist()},
    }  # fmt: skip
    return _export(module, folder, {**_metadata(config, gan, finish), **own})


def gansynth(
    folder: Path, float16: bool = False, num_blocks: int | None = None, progress: float | None = None, **options: Any
) -> str:
    """The folder of an exported GANSynth.

    Args:
      folder: to be made.
      float16: see `gansynth_tf.export_model`.
      num_blocks: of the network; by default all.
      progress: by default of its last block, faded in.
      **options: of `GANSynthConfig`, by default small ones.
    """
    small = {"num_resolutions": 3, "start_height": 4, "fmap_base": 64, "fmap_max": 8, "latent_vector_size": 8,
             "audio_length": 500}  # fmt: skip
    config = GANSynthConfig(**{**small, **options})
    schedule = config.schedule
    stage = schedule.stage(2 * (num_blocks or config.num_resolutions) - 2)
    network = make_generator(config, stage, config.num_pitches, keras.DTypePolicy("float32"))
    _enliven(network, 0)
    features = make_features(config)
    numbers = (config.mag_normalizer_a, config.mag_normalizer_b, config.p_normalizer_a, config.p_normalizer_b)
    normalizer = prespecified(*numbers)
    if config.data_normalizer == FREQ:
        rng = np.random.default_rng(1)
        normalizer = of_rows(np.tile(numbers, (features.data_shape[1], 1)) * rng.uniform(0.8, 1.2, [1, 4]))
    normalizer = normalizer.of_channels(config.num_channels)
    progress = float(stage.num_blocks - 1 if progress is None else progress)
    data = StageData(config.resolutions, stage.num_blocks, normalizer)
    served = _half(network) if float16 else network
    module = gansynth_tf.signatures.GANSynthModule(served, progress, data, features, config)
    metadata = {
        "model": "gansynth", "sample_rate": config.sample_rate, "latent_dim": config.latent_vector_size,
        "audio_length": config.audio_length, "num_channels": config.num_channels, "min_pitch": config.data_min_pitch,
        "max_pitch": config.data_max_pitch, "data_type": config.data_type, "data_shape": list(features.data_shape),
        "progress": progress,
    }  # fmt: skip
    return _export(module, folder, metadata)


def _enliven(network: keras.Model, seed: int) -> None:
    """Random weights under which every layer keeps the level of its input, statistics of normalisation included."""
    rng = np.random.default_rng(seed)
    for variable in network.variables:
        shape = tuple(variable.shape)
        if variable.path.endswith("moving_variance"):
            value = rng.uniform(0.5, 2.0, shape)
        elif len(shape) > 1 and "progressive" not in variable.path:
            value = rng.normal(0, 1.4 / np.sqrt(np.prod(shape) / shape[-1]), shape)
        elif len(shape) > 1:
            value = rng.normal(size=shape)
        else:
            value = variable.numpy() + rng.normal(0, 0.1, shape)
        variable.assign(value.astype(np.float32))


def _half(network: keras.Model) -> saved_model.HalfPrecision:
    return saved_model.HalfPrecision(network)


def _gan(config: Any, network: keras.Model, names: Sequence[str]) -> Any:
    """Of a `Gan` what the signatures take."""

    class _Served:
        latent_dim = config.own("latent_dim")
        generator = network
        labels = tuple(names)

    return _Served()


def _metadata(config: Any, gan: Any, finish: Finish) -> dict[str, Any]:
    return {
        "model": config.model, "sample_rate": config.data_sample_rate, "latent_dim": gan.latent_dim,
        "slice_len": config.data_slice_len, "num_channels": config.data_num_channels, "step": 3, "weights": "raw",
        **finish.metadata(),
        **({"labels": list(gan.labels)} if gan.labels else {}),
    }  # fmt: skip


def _export(module: saved_model.ServedModule, folder: Path, metadata: dict[str, Any]) -> str:
    saved_model.export(module, str(folder), metadata)
    return str(folder)
