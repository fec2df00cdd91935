"""WaveGAN (Donahue, McAuley and Puckette, ICLR 2019) for TensorFlow 2 and Keras 3."""

import os
from typing import TYPE_CHECKING

from wavegan_tf.core.public import offer

if TYPE_CHECKING:
    from wavegan_tf.api import export_model, import_tf1_run, train
    from wavegan_tf.config import WaveGANConfig
    from wavegan_tf.core.errors import UserError
    from wavegan_tf.core.serving.loading import load_model
    from wavegan_tf.networks import WaveGANDiscriminator, WaveGANGenerator

__all__ = [
    "UserError",
    "WaveGANConfig",
    "WaveGANDiscriminator",
    "WaveGANGenerator",
    "export_model",
    "import_tf1_run",
    "load_model",
    "train",
]

__version__ = "0.1.0"

# TensorFlow's notes on its own build would bury our messages. It reads this variable when it is imported, so it is set
# before; set it yourself to see them.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# TensorFlow would give every large tensor's memory back to the system and fetch it anew, which on a CPU costs more than
# most operations on it. This allocator keeps it.
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")

# TensorFlow would take all of a GPU's memory at once. Taken as it is needed, it leaves room for another process on the
# same GPU, such as eval_score beside a training.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")

offer(
    __name__,
    {
        "UserError": "wavegan_tf.core.errors",
        "WaveGANConfig": "wavegan_tf.config",
        "WaveGANDiscriminator": "wavegan_tf.networks",
        "WaveGANGenerator": "wavegan_tf.networks",
        "export_model": "wavegan_tf.api",
        "import_tf1_run": "wavegan_tf.api",
        "load_model": "wavegan_tf.core.serving.loading",
        "train": "wavegan_tf.api",
    },
)
