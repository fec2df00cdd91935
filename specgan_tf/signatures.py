"""Signatures of an exported SpecGAN.

In addition to the signatures of `saved_model.LatentsModule`, whose waveforms come with the normalised spectrograms
G_z_norm [n, frames, bins, c], it has

- `spectrogram`: z -> G_z_norm and G_z_norm_uint8 [n, bins c, frames, 1], a picture, without Griffin-Lim;
- `inversion`: z and ngl -> G_z after ngl iterations of Griffin-Lim.

Where the sounds have labels, both take `label` beside z.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from specgan_tf import features
from specgan_tf.config import SpecGANConfig
from specgan_tf.geometry import Moments
from wavegan_tf.core.dcgan.model import Gan
from wavegan_tf.core.serving import saved_model
from wavegan_tf.core.serving.finishing import Finish


class SpecGANModule(saved_model.LatentsModule):
    """The signatures of a SpecGAN."""

    def __init__(
        self,
        gan: Gan,
        network: keras.Model | saved_model.HalfPrecision,
        config: SpecGANConfig,
        stored: Moments,
        finish: Finish,
    ):
        """Defines the signatures.

        Args:
          gan: the model.
          network: its generator, to be served.
          config: says how spectrograms become sound.
          stored: moments of the training data.
          finish: makes the clips of the waveforms.
        """
        num_labels = len(gan.labels)
        z_spec = tf.TensorSpec([None, gan.latent_dim], tf.float32, name="z")
        mixed_spec = tf.TensorSpec([None, num_labels], tf.float32)
        # One function that all signatures call, so that the file holds the network's graph once.
        draw = tf.function(
            lambda *given: network(*given, training=False),
            input_signature=[z_spec, mixed_spec] if num_labels else [z_spec],
            autograph=False,
        )

        def invert(spectrograms: tf.Tensor, ngl: int | tf.Tensor) -> tf.Tensor:
            waveforms = features.spectrograms_to_waveforms(
                spectrograms, stored, config.specgan_clip_nstd, ngl, config.specgan_inversion, config.framing(),
                config.data_slice_len,
            )  # fmt: skip
            return finish.apply(waveforms, config.data_sample_rate)

        def generate(*given: tf.Tensor) -> dict[str, tf.Tensor]:
            spectrograms = draw(*given)
            return {"G_z": invert(spectrograms, config.specgan_ngl), "G_z_norm": spectrograms}

        super().__init__(generate, network, gan.latent_dim, num_labels)

        def drawn(z: tf.Tensor, *label: tf.Tensor) -> tf.Tensor:
            return draw(z, *(saved_model.one_hot_labels(part, num_labels) for part in label))

        def spectrogram(*given: tf.Tensor) -> dict[str, tf.Tensor]:
            spectrograms = drawn(*given)
            return {"G_z_norm": spectrograms, "G_z_norm_uint8": features.spectrograms_to_pictures(spectrograms)}

        def inversion(*given: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"G_z": invert(drawn(*given[:-1]), given[-1])}

        ngl_spec = tf.TensorSpec([], tf.int32, name="ngl")
        self.add("spectrogram", spectrogram, self.inputs, self.request)
        self.add("inversion", inversion, [*self.inputs, ngl_spec], [*self.request, np.int32(config.specgan_ngl)])
        self.waveforms["waveform_ngl"] = {"signature": "inversion", "output": "G_z"}
