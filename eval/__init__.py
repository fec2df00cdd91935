"""The papers' metrics of generated audio; reads folders of audio, SavedModels and classifiers, never a trainer."""

import os

# See wavegan_tf/__init__.py.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
