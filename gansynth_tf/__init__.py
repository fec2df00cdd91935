"""GANSynth (Engel et al., ICLR 2019) for TensorFlow 2 and Keras 3."""

import os
from typing import TYPE_CHECKING

from wavegan_tf.core.public import offer

if TYPE_CHECKING:
    from gansynth_tf.api import export_model, import_tf1_run, render_midi, train
    from gansynth_tf.config import GANSynthConfig
    from gansynth_tf.networks import ProgressiveDiscriminator, ProgressiveGenerator
    from wavegan_tf.core.errors import UserError
    from wavegan_tf.core.serving.loading import load_model

__all__ = [
    "UserError",
    "GANSynthConfig",
    "ProgressiveDiscriminator",
    "ProgressiveGenerator",
    "export_model",
    "import_tf1_run",
    "load_model",
    "render_midi",
    "train",
]

# See wavegan_tf/__init__.py.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")

offer(
    __name__,
    {
        "UserError": "wavegan_tf.core.errors",
        "GANSynthConfig": "gansynth_tf.config",
        "ProgressiveDiscriminator": "gansynth_tf.networks",
        "ProgressiveGenerator": "gansynth_tf.networks",
        "export_model": "gansynth_tf.api",
        "import_tf1_run": "gansynth_tf.api",
        "load_model": "wavegan_tf.core.serving.loading",
        "render_midi": "gansynth_tf.api",
        "train": "gansynth_tf.api",
    },
)
