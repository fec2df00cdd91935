"""SpecGAN (Donahue, McAuley and Puckette, ICLR 2019) for TensorFlow 2 and Keras 3."""

import os
from typing import TYPE_CHECKING

from wavegan_tf.core.public import offer

if TYPE_CHECKING:
    from specgan_tf.api import export_model, import_tf1_run, train
    from specgan_tf.config import SpecGANConfig
    from specgan_tf.networks import SpecGANDiscriminator, SpecGANGenerator
    from wavegan_tf.core.errors import UserError
    from wavegan_tf.core.serving.loading import load_model

__all__ = [
    "UserError",
    "SpecGANConfig",
    "SpecGANDiscriminator",
    "SpecGANGenerator",
    "export_model",
    "import_tf1_run",
    "load_model",
    "train",
]

# See wavegan_tf/__init__.py.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")

offer(
    __name__,
    {
        "UserError": "wavegan_tf.core.errors",
        "SpecGANConfig": "specgan_tf.config",
        "SpecGANDiscriminator": "specgan_tf.networks",
        "SpecGANGenerator": "specgan_tf.networks",
        "export_model": "specgan_tf.api",
        "import_tf1_run": "specgan_tf.api",
        "load_model": "wavegan_tf.core.serving.loading",
        "train": "specgan_tf.api",
    },
)
