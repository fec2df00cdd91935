"""gansynth_export: a SavedModel for TensorFlow Serving from a run of gansynth_train, at any stage.

z is float32 [n, latent_dim], pitch int32 [n] of MIDI numbers; a pitch that the model has not learned is an error. Notes
come from the moving average of the generator.

- `serving_default`: z, pitch -> audio, float32 [n, audio_length];
- `pcm16`: z, pitch -> audio_int16;
- `specgram`: z, pitch -> data, float32 [n, frames, frequencies, 2]: what `features.Features` calls the data of a sound;
- `latents`: num_samples, seed -> z;
- `sample`: pitch, seed -> z and audio.
"""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf
from absl import flags as absl_flags

from gansynth_tf import draws
from gansynth_tf.config import CONFIG_FILE, MODEL, GANSynthConfig
from gansynth_tf.features import Features
from gansynth_tf.progressive import Progressive
from gansynth_tf.resolution import StageData
from gansynth_tf.schedule import Stage, stage_ids
from gansynth_tf.stages.features import make_features, run_normalizer
from gansynth_tf.stages.model import restore_average
from wavegan_tf import __version__
from wavegan_tf.core import flags
from wavegan_tf.core.dcgan import commands
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.options import load_options
from wavegan_tf.core.serving import saved_model
from wavegan_tf.core.training import checkpoints


class GANSynthModule(saved_model.ServedModule):
    """The signatures of a GANSynth."""

    def __init__(
        self,
        network: Progressive | saved_model.HalfPrecision,
        progress: float,
        data: StageData,
        features: Features,
        config: GANSynthConfig,
    ):
        """Defines the signatures.

        Args:
          network: the generator to be served.
          progress: how far its last block has faded in.
          data: between its images and the features.
          features: between these and sound.
          config: the run's options.
        """
        super().__init__(network)
        low, high, latent_dim = config.data_min_pitch, config.data_max_pitch, config.latent_vector_size
        z_spec = tf.TensorSpec([None, latent_dim], tf.float32, name="z")
        pitch_spec = tf.TensorSpec([None], tf.int32, name="pitch")
        count_spec = tf.TensorSpec([], tf.int32, name="num_samples")
        seed_spec = tf.TensorSpec([], tf.int64, name="seed")

        # One function that the signatures call, so that the file holds the network's graph once.
        def specgram(z: tf.Tensor, pitch: tf.Tensor) -> tf.Tensor:
            known = tf.reduce_all((pitch >= low) & (pitch <= high))
            words = [f"pitch: must be MIDI numbers from {low} to {high}, not", pitch]
            with tf.control_dependencies([tf.debugging.Assert(known, words, summarize=64)]):
                one_hot = tf.one_hot(pitch - low, config.num_pitches)
            images = network(z, one_hot, progress=tf.constant(progress, tf.float32), training=False)
            return data.to_features(data.to_data(images))

        specgram = tf.function(specgram, input_signature=[z_spec, pitch_spec], autograph=False)

        def audio(z: tf.Tensor, pitch: tf.Tensor) -> tf.Tensor:
            return features.data_to_waves(specgram(z, pitch))[:, :, 0]

        audio = tf.function(audio, input_signature=[z_spec, pitch_spec], autograph=False)

        def latents(num_samples: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
            return draws.normal_latents(num_samples, latent_dim, saved_model.latents_seed(seed))

        def sample(pitch: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
            z = latents(tf.size(pitch), seed)
            return {"z": z, "audio": audio(z, pitch)}

        notes, note = [z_spec, pitch_spec], [np.zeros([1, latent_dim], np.float32), np.array([low], np.int32)]
        self.add("serving_default", lambda z, pitch: {"audio": audio(z, pitch)}, notes, note)
        self.add("pcm16", lambda z, pitch: {"audio_int16": saved_model.to_int16(audio(z, pitch))}, notes, note)
        self.add("specgram", lambda z, pitch: {"data": specgram(z, pitch)}, notes, note)
        self.add(
            "latents", lambda num_samples, seed: {"z": latents(num_samples, seed)}, [count_spec, seed_spec],
            [np.int32(1), np.int64(0)],
        )  # fmt: skip
        self.add("sample", sample, [pitch_spec, seed_spec], [note[1], np.int64(0)])


def find_stage(config: GANSynthConfig, train_dir: str, stage_id: int | None) -> Stage:
    """The stage of a run to export.

    Args:
      config: the run's options.
      train_dir: the run.
      stage_id: which; None is the last that has a checkpoint.

    Raises:
      UserError: there is no such stage, or none has a checkpoint.
    """
    schedule = config.schedule
    begun = [schedule.stage(found) for found in stage_ids(train_dir) if found < schedule.num_stages]
    stages = [stage for stage in begun if checkpoints.steps(os.path.join(train_dir, stage.directory))]
    if not stages:
        raise UserError(f"--train_dir={train_dir}: no stage has a checkpoint")
    chosen = [stage for stage in stages if stage_id in (None, stage.stage_id)]
    if not chosen:
        ids = ", ".join(str(stage.stage_id) for stage in stages)
        raise UserError(f"--stage={stage_id}: the stages with checkpoints are {ids}")
    return chosen[-1]


def export(
    train_dir: str, export_dir: str, stage_id: int | None = None, step: int | None = None, float16: bool = False
) -> int:
    """Exports the moving average of a run's generator.

    Args:
      train_dir: the run.
      export_dir: the version folder to write.
      stage_id: which stage; None is the last.
      step: which of its checkpoints, by the number of images; None is the newest.
      float16: whether to store the weights as float16.

    Returns:
      The number of images that it was trained on.

    Raises:
      UserError: there is no such checkpoint, or the folder cannot be written.
    """
    config = load_options(GANSynthConfig, os.path.join(train_dir, CONFIG_FILE), MODEL)
    stage = find_stage(config, train_dir, stage_id)
    features = make_features(config)
    data = StageData(config.resolutions, stage.num_blocks, run_normalizer(config, None, features, train_dir))
    network, step, progress = restore_average(config, stage, train_dir, step)
    served = saved_model.HalfPrecision(network) if float16 else network
    module = GANSynthModule(served, float(progress), data, features, config)
    metadata = {
        "model": MODEL,
        "sample_rate": config.sample_rate,
        "latent_dim": config.latent_vector_size,
        "audio_length": config.audio_length,
        "min_pitch": config.data_min_pitch,
        "max_pitch": config.data_max_pitch,
        "data_type": config.data_type,
        "data_shape": list(features.data_shape),
        "stage": stage.stage_id,
        "progress": float(progress),
        "step": step,
        "version": __version__,
    }
    saved_model.export(module, export_dir, metadata)
    return step


def main() -> None:
    """Reads the flags and exports."""
    stage_id = absl_flags.FLAGS.stage
    commands.export(
        lambda train_dir, export_dir, step, float16: export(train_dir, export_dir, stage_id, step, float16), "image"
    )


def run() -> None:
    """Entry point of gansynth_export."""
    commands.define_export_flags("models/notes/1")
    absl_flags.DEFINE_integer("stage", None, "Which stage to export. Default: the last.", 0)
    flags.run(main)


if __name__ == "__main__":
    run()
