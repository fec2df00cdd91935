"""Signatures of an exported GANSynth.

z is float32 [n, latent_dim], pitch int32 [n] of MIDI numbers; a pitch that the model has not learned is an error. Notes
come from the moving average of the generator.

- `serving_default`: z, pitch -> audio, float32 [n, audio_length], or [n, audio_length, c] of several channels;
- `pcm16`: z, pitch -> audio_int16;
- `specgram`: z, pitch -> data, float32 [n, frames, frequencies, 2 c]: what `features.Features` calls the data of a
  sound;
- `latents`: num_samples, seed -> z;
- `sample`: pitch, seed -> z and audio.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gansynth_tf import draws
from gansynth_tf.config import GANSynthConfig
from gansynth_tf.features import Features
from gansynth_tf.progressive import Progressive
from gansynth_tf.resolution import StageData
from wavegan_tf.core.serving import saved_model


class GANSynthModule(saved_model.ServedModule):
    """The signatures of a GANSynth."""

    def __init__(
        self,
        network: Progressive | saved_model.HalfPrecision,
        progress: float,
        data: StageData,
        features: Features,
        config: GANSynthConfig,
        gains: np.ndarray | None = None,
    ):
        """Defines the signatures.

        Args:
          network: the generator to be served.
          progress: how far its last block has faded in.
          data: between its images and the features.
          features: between these and sound.
          config: the run's options.
          gains: what the notes of each pitch are multiplied by, float32 [num_pitches]; None leaves them as they are.
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
            made = data.to_features(data.to_data(images, own_gradients=False), own_gradients=False)
            return made if gains is None else features.amplify(made, tf.linalg.matvec(one_hot, gains))

        specgram = tf.function(specgram, input_signature=[z_spec, pitch_spec], autograph=False)

        def audio(z: tf.Tensor, pitch: tf.Tensor) -> tf.Tensor:
            waves = features.data_to_waves(specgram(z, pitch))
            return waves[:, :, 0] if config.num_channels == 1 else waves

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
        self.name_waveforms("audio")
