"""Loading an exported model; TensorFlow is imported when that is asked for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from wavegan_tf.core.serving.metadata import read_metadata

if TYPE_CHECKING:
    from wavegan_tf.core.serving.model import GeneratorModel


def load_model(
    model_dir: str | os.PathLike[str], model: str | None = None, *, trust_model: bool = False
) -> GeneratorModel:
    """Loads an exported model: a WaveGAN, a SpecGAN or a GANSynth.

    Args:
      model_dir: a version folder, as `export_model` or an export command wrote it, or a model that comes with the
        project: `pretrained/drums` (a WaveGAN), `pretrained/specgan_drums` or `pretrained/notes` (a GANSynth).
      model: whose it must be, such as "wavegan"; None for any.
      trust_model: whether to run it even if it does more than compute: a SavedModel is a program, and one with other
        operations than arithmetic on tensors may read and write files.

    Raises:
      UserError: the folder holds no model of ours, another model's, or one that does more than compute.

    >>> import wavegan_tf
    >>> wavegan_tf.load_model("pretrained/drums").sample_rate
    16000
    """
    read_metadata(model_dir, model)  # a mistake shows before TensorFlow is imported
    from wavegan_tf.core.serving.model import GeneratorModel

    return GeneratorModel(model_dir, model, trust_model)
