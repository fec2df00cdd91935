"""export_edge: an exported model as one file for a phone (.tflite), or as a page that plays it in a browser (.html)."""

from __future__ import annotations

import os

from absl import flags as absl_flags
from absl import logging

from wavegan_tf.core import flags
from wavegan_tf.core.edge import options
from wavegan_tf.core.files import display_name
from wavegan_tf.core.folders import output_file
from wavegan_tf.core.serving import loading
from wavegan_tf.core.serving.commands import define_trust
from wavegan_tf.core.serving.metadata import read_metadata, require_known


def main() -> None:
    """Reads the flags and writes the file.

    Raises:
      UserError: the model cannot be used or converted, or the file cannot be written.
    """
    values = absl_flags.FLAGS
    flags.require(model_dir=values.model_dir, output=values.output)
    name = read_metadata(values.model_dir)["model"]
    require_known(values.model_dir, name)
    options.check(name, values.output, values.weights, values.title)
    with output_file(values.output, "output"):
        model = loading.load_model(values.model_dir, trust_model=values.trust_model)
        model.export_edge(values.output, values.weights, values.title)
    size = os.path.getsize(values.output)
    logging.info("%s: the %s model of %s, %.2f MB", display_name(values.output), name, values.model_dir, size / 1e6)


def define_flags() -> None:
    """Defines this command's flags."""
    flags.define_path("model_dir", "", "SavedModel to convert (a version folder that was exported).")
    flags.define_path("output", "", "File to write: NAME.tflite, with NAME.json beside it, or NAME.html.")
    absl_flags.DEFINE_enum(
        "weights", "float16", options.WEIGHTS, "How the weights are stored; int8 for WaveGAN alone."
    )
    absl_flags.DEFINE_string("title", None, "Heading of a page. Default: by the model.")
    define_trust()


def run() -> None:
    """Entry point of export_edge."""
    define_flags()
    flags.run(main)


if __name__ == "__main__":
    run()
