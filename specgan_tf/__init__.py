"""SpecGAN (Donahue, McAuley and Puckette, ICLR 2019) for TensorFlow 2 and Keras 3."""

import os

# See wavegan_tf/__init__.py.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")
