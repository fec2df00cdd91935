"""Options of the commands that prepare data: input, output and shards."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any

from absl import flags

from wavegan_tf.core import effects
from wavegan_tf.core.audio.files import require_folder
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.options import Options, OptionsT, option
from wavegan_tf.core.preparation.filesystems import is_remote
from wavegan_tf.core.preparation.manifest import COMMANDS

# More would be files that a disk cannot hold well in one folder.
MOST_SHARDS = 100_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class PreparationOptions(Options):
    """Input and output of a preparation."""

    data_dir: str = option(
        "",
        "Folder with audio files, sub-folders included; here, or where Beam's filesystems reach (gs://, s3://, hdfs://).",
        path=True,
        effect=[effects.not_with("data_glob")],
    )
    data_glob: str = option("", "Pattern of audio files instead, such as gs://sounds/**/*.wav.", path=True)
    output_dir: str = option("", "Folder to write, here or there.", path=True)
    num_shards: int = option(
        0,
        "Files to write the samples to; 0 for as many as hold about 256 MB each, or up to 16 of a small set.",
        minimum=0,
        maximum=MOST_SHARDS,
    )

    def require_places(self) -> None:
        """Raises UserError unless one place to read from and one to write to are given."""
        if bool(self.data_dir) == bool(self.data_glob):
            given = "both" if self.data_dir else "none"
            raise UserError(f"one of --data_dir and --data_glob must be given, not {given}")
        if not self.output_dir:
            raise UserError("--output_dir must be given")


def decoding_options(options: Any) -> dict[str, Any]:
    """The options of a run on which decoded audio depends, by flag."""
    names = ("data_sample_rate", "data_num_channels", "data_normalize", "data_fast_wav")
    return {name: getattr(options, name) for name in names}


def in_place(saved: OptionsT, places: Sequence[str], given: Collection[str] = ()) -> OptionsT:
    """The options of a run that is continued, without a place of its data where the command line gives another.

    Args:
      saved: the options.
      places: those that name where the data are, but for data_prepared.
      given: options that the command line gives in another way than by their flags.
    """
    given = [name for name in (*places, "data_prepared") if flags.FLAGS[name].present or name in given]
    cleared: dict[str, Any] = {name: "" for name in (*places, "data_prepared") if given and name not in given}
    if "data_prepared" in cleared:
        cleared |= {"data_verify": False, "data_shuffle_shards": 0}
    return dataclasses.replace(saved, **cleared)


def require_there(data_dir: str, data_prepared: str) -> None:
    """Raises UserError if the one that is given is a folder of this machine that is not there."""
    if not is_remote(data_prepared):
        require_folder(data_dir or data_prepared, "data_dir" if data_dir else "data_prepared")


def require_one_place(data_dir: str, data_prepared: str) -> None:
    """Raises UserError unless one of both is given."""
    if bool(data_dir) == bool(data_prepared):
        if data_dir:
            raise UserError("--data_dir: cannot be combined with --data_prepared")
        raise UserError(f"--data_dir must be given, or --data_prepared after {COMMANDS['audio']}")
