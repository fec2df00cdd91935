"""Summaries of a stage: generated notes, interpolations, real notes as they are blended, sounds and losses."""

from __future__ import annotations

import functools
import os

import numpy as np
import tensorflow as tf
from absl import logging

from gansynth_tf import draws
from gansynth_tf.config import GANSynthConfig
from gansynth_tf.features import Features
from gansynth_tf.losses import consistency_loss
from gansynth_tf.rainbowgram import grid, rainbowgrams
from gansynth_tf.resolution import StageData
from gansynth_tf.stages.model import StageModel
from wavegan_tf.core.draws import purpose_seed
from wavegan_tf.core.training.preview import Preview
from wavegan_tf.core.training.tracking import Tracker

_GRID_COLUMNS = 8
_INTERPOLATIONS = 4
# Notes that are generated together: all of a summary at full size would need gigabytes.
_BATCH = 8


class Rendering:
    """Full-size features to sounds and their consistency, in batches, compiled once for all stages."""

    def __init__(self, features: Features):
        """Prepares for these features."""
        self.features = features
        signature = [tf.TensorSpec([None, *features.data_shape], tf.float32)]
        self._waves = tf.function(features.data_to_waves, input_signature=signature, autograph=False)
        self._consistency = tf.function(
            functools.partial(consistency_loss, features), input_signature=signature, autograph=False
        )

    def waves(self, made: np.ndarray) -> np.ndarray:
        """Features [b, t, f, 2 c] -> waveforms [b, t, c]."""
        return np.concatenate([self._waves(made[at : at + _BATCH]).numpy() for at in range(0, len(made), _BATCH)])

    def consistency(self, made: np.ndarray) -> float:
        """The consistency loss of the first few."""
        return float(self._consistency(made[:_BATCH]))


class StageSummaries:
    """Writes pictures, sounds and numbers of a stage to TensorBoard, and a preview to listen to.

    Generated notes come from the moving average of the generator.
    """

    def __init__(
        self,
        config: GANSynthConfig,
        run_dir: str,
        model: StageModel,
        data: StageData,
        rendering: Rendering,
        tracker: Tracker,
    ):
        """Prepares to draw.

        Args:
          config: the run's options.
          run_dir: the run.
          model: of the stage.
          data: between its images and the features.
          rendering: of the features.
          tracker: of the run.
        """
        self._config, self._model, self._data, self._rendering = config, model, data, rendering
        self._tracker, self._rate, self._num_pitches = tracker, config.sample_rate, config.num_pitches
        self._last_progress = tf.constant(model.stage.num_blocks - 1.0)
        count, latent_dim = config.preview_n, config.latent_vector_size
        preview_seed = purpose_seed(config.seed, 0, "preview/z")
        self._preview_pitches = tf.one_hot(np.linspace(0, self._num_pitches - 1, count).round(), self._num_pitches)
        self._preview = Preview(
            os.fspath(run_dir),
            lambda: draws.normal_latents(count, latent_dim, preview_seed),
            lambda z: rendering.waves(self._generate(z, self._preview_pitches, self._last_progress)),
            config.sample_rate // 4,
            config.sample_rate,
        )
        rows: tuple[list, ...] = ([None, latent_dim], [None, self._num_pitches], [])
        self._features_of = tf.function(
            self._made, input_signature=[tf.TensorSpec(shape) for shape in rows], autograph=False
        )

    def preview(self, image_id: int, progress: np.float32) -> None:
        """Writes preview/<image_id>.wav: notes with fixed latents, of pitches from the lowest to the highest.

        Raises:
          UserError: it cannot be written.
        """
        self._last_progress = tf.constant(progress)
        self._preview.write(image_id)

    def write(self, image_id: int, progress: np.float32, real: tf.Tensor) -> dict[str, float]:
        """Writes all but the losses; pictures and interpolations where the tracker shows them.

        Args:
          image_id: images trained on so far.
          progress: at that image.
          real: features of a few real notes, downsampled to the stage's resolution.

        Returns:
          Loudness (RMS) and Griffin-Lim consistency of real and generated notes.
        """
        now = tf.constant(progress)
        count, latent_dim = self._config.fake_batch_size, self._config.latent_vector_size
        seed = purpose_seed(self._config.seed, image_id, "summary/z")
        fakes = self._generate(
            draws.normal_latents(count, latent_dim, seed), draws.ordered_pitches(count, self._num_pitches), now
        )
        blends = self._data.to_features(self._data.blend(real, now)).numpy()
        values = {}
        for name, made in (("fake", fakes), ("real", blends)):
            values.update(self._tracker.waveforms(image_id, f"{name}_waves", self._rendering.waves(made), self._rate))
            if self._tracker.shows(image_id):
                columns = min(_GRID_COLUMNS, len(made))
                whole = len(made) - len(made) % columns
                self._tracker.images(
                    image_id, f"{name}_images", grid(rainbowgrams(self._rendering.features, made[:whole]), columns)
                )
            if self._rendering.features.is_spectral:
                values[f"{name}_gl_loss"] = self._rendering.consistency(made)
        if self._tracker.shows(image_id):
            self._write_interpolations(image_id, now)
        return values

    def _write_interpolations(self, image_id: int, progress: tf.Tensor) -> None:
        """Rows of latents between two, each row at one pitch: as pictures, and to hear as one sound for each row."""
        seed = purpose_seed(self._config.seed, image_id, "summary/interpolation")
        z = draws.interpolated_latents(_INTERPOLATIONS, _GRID_COLUMNS, self._config.latent_vector_size, seed)
        rows = np.linspace(0, self._num_pitches - 1, _INTERPOLATIONS + 2).round()[1:-1]
        pitches = tf.one_hot(np.repeat(rows, _GRID_COLUMNS), self._num_pitches)
        made = self._generate(z, pitches, progress)
        self._tracker.images(
            image_id, "interp_images", grid(rainbowgrams(self._rendering.features, made), _GRID_COLUMNS)
        )
        sounds = self._rendering.waves(made).reshape(_INTERPOLATIONS, -1, self._config.num_channels)
        self._tracker.waveforms(image_id, "interp_waves", tf.constant(sounds), self._rate)

    def _made(self, z: tf.Tensor, pitches: tf.Tensor, progress: tf.Tensor) -> tf.Tensor:
        images = self._model.average(z, pitches, progress=progress)
        return self._data.to_features(self._data.to_data(images))

    def _generate(self, z: tf.Tensor, pitches: tf.Tensor, progress: tf.Tensor) -> np.ndarray:
        """Full-size features of generated notes, float32 [b, t, f, 2 c]."""
        starts = range(0, len(z), _BATCH)
        return np.concatenate(
            [self._features_of(z[at : at + _BATCH], pitches[at : at + _BATCH], progress).numpy() for at in starts]
        )


def log_weights(image_id: int, model: StageModel) -> None:
    """Logs the smallest, mean and largest value of every weight (`ProganDebugHook`)."""
    logging.info("weights at image %d", image_id)
    for network in (model.generator, model.discriminator):
        for variable in network.variables:
            value = variable.numpy()
            logging.info("  %s %s: %.6g %.6g %.6g", variable.path, value.shape, value.min(), value.mean(), value.max())
