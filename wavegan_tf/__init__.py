"""WaveGAN (Donahue, McAuley and Puckette, ICLR 2019) for TensorFlow 2 and Keras 3."""

import os

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
