"""specgan_export: a SavedModel for TensorFlow Serving from a training directory."""

from __future__ import annotations

from absl import flags as absl_flags

from specgan_tf import api
from wavegan_tf.core import commands, flags
from wavegan_tf.core.audio.options import INVERSIONS
from wavegan_tf.core.dcgan.commands import define_export_flags
from wavegan_tf.core.options import LARGEST_INT


def define_flags() -> None:
    """Defines the flags of the command."""
    define_export_flags()
    absl_flags.DEFINE_integer("specgan_ngl", None, "Iterations of Griffin-Lim. Default: the run's.", 0, LARGEST_INT)
    absl_flags.DEFINE_enum("specgan_inversion", None, INVERSIONS, "Kind of Griffin-Lim. Default: the run's.")


def main() -> None:
    """Reads the flags and exports."""
    values = absl_flags.FLAGS
    commands.export(
        api.export_model,
        weights=values.weights,
        normalize=values.normalize,
        fade_out_ms=values.fade_out_ms,
        specgan_ngl=values.specgan_ngl,
        specgan_inversion=values.specgan_inversion,
    )


def run() -> None:
    """Entry point of specgan_export."""
    define_flags()
    flags.run(main)


if __name__ == "__main__":
    run()
