"""specgan_moments: mean and standard deviation of each frequency bin over a folder of audio files."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from absl import logging

from specgan_tf.array_pickle import load_arrays
from specgan_tf.config import SpecGANConfig, SpectrogramOptions
from specgan_tf.geometry import PAPER, Framing, Moments
from wavegan_tf.core import flags
from wavegan_tf.core.audio.options import ClipOptions
from wavegan_tf.core.dcgan.options import run_exists
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name
from wavegan_tf.core.folders import output_file, work_folder
from wavegan_tf.core.options import MAX_SEED, option
from wavegan_tf.core.preparation.options import require_one_place, require_there
from wavegan_tf.core.reading import read_arrays, require_regular
from wavegan_tf.core.writing import npz, write_file, writing

if TYPE_CHECKING:
    import tensorflow as tf

    from wavegan_tf.core.audio.clips import ClipStore
    from wavegan_tf.core.workers.cluster import Cluster

MOMENTS_FILE = "moments.npz"
# Of prepared data, in their manifest.
EXTRA = "specgan_moments"
BATCH = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class MomentsOptions(SpectrogramOptions, ClipOptions):
    """Options of specgan_moments."""

    data_moments_fp: str = option("", "npz file to write.", path=True)
    data_cache_dir: str = option(
        "",
        "Folder for that file, and for copies of prepared data; default: a temporary one.",
        path=True,
    )
    seed: int = option(0, "Seed of the random starts of the clips.", minimum=0, maximum=MAX_SEED)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_frames()


class Sums(NamedTuple):
    """Frames: how many, and float64 [129] each the mean of each bin and the sum of squared deviations from it."""

    frames: int
    mean: np.ndarray
    squares: np.ndarray


def of_batches(batches: Iterable[tf.Tensor], framing: Framing = PAPER) -> Moments:
    """Moments of waveforms in one pass, in float64 (the original's `moments` keeps all frames in memory).

    Args:
      batches: waveforms [b, t, c].
      framing: of their spectrograms.

    Returns:
      Mean and population standard deviation over all frames of all channels.

    Raises:
      ValueError: there is no frame.
    """
    return of_sums(sums(batches, framing))


def sums(batches: Iterable[tf.Tensor], framing: Framing = PAPER) -> Iterator[Sums]:
    """The sums of each batch of waveforms [b, t, c]."""
    import tensorflow as tf

    from specgan_tf.features import log_magnitudes

    compute = tf.function(
        lambda x: tf.transpose(log_magnitudes(x, framing), [0, 3, 1, 2]), reduce_retracing=True, autograph=False
    )
    for batch in batches:
        frames = compute(batch).numpy().astype(np.float64).reshape(-1, framing.num_bins)
        mean = frames.mean(axis=0)
        yield Sums(len(frames), mean, ((frames - mean) ** 2).sum(axis=0))


def of_sums(parts: Iterable[Sums]) -> Moments:
    """The moments of all frames, given sums of some of them at a time, in order.

    Raises:
      ValueError: there is no frame.
    """
    count, mean, squares = 0, np.zeros([]), np.zeros([])
    for part in parts:
        # Two sets with means and sums of squared deviations are merged (Chan, Golub and LeVeque 1983).
        difference = part.mean - mean
        total = count + part.frames
        squares = squares + part.squares + difference**2 * (count * part.frames / total)
        mean = mean + difference * (part.frames / total)
        count = total
    if not count:
        raise ValueError("no audio to take moments of")
    return Moments(mean.astype(np.float32), np.sqrt(squares / count).astype(np.float32))


def of_store(store: ClipStore, seed: int, framing: Framing = PAPER) -> Moments:
    """Moments of the clips of one epoch, each once."""
    from wavegan_tf.core.audio import clips

    return of_batches(clips.first_epoch(store, batch_size=BATCH, seed=seed), framing)


def settings_of(options: SpectrogramOptions, seed: int) -> dict[str, Any]:
    """The options on which the moments of a set depend, as JSON values."""
    slicing, framing = dataclasses.asdict(options.slicing()), dataclasses.asdict(options.framing())
    return {"slicing": slicing, "framing": framing, "seed": seed}


def stored(folder: str, options: SpectrogramOptions, seed: int) -> Moments | None:
    """The moments in the manifest of prepared data, if they are those of these clips."""
    from wavegan_tf.core.preparation import manifest

    found = manifest.read(folder).extras.get(EXTRA)
    if not isinstance(found, dict) or found.get("settings") != settings_of(options, seed):
        return None
    try:
        mean, std = (np.array(found[name], np.float32) for name in ("mean", "std"))
    except (KeyError, TypeError, ValueError):
        return None
    shapes = {mean.shape, std.shape, (options.framing().num_bins,)}
    is_sound = len(shapes) == 1 and np.isfinite([mean, std]).all() and (std >= 0).all()
    return Moments(mean, std) if is_sound else None


def save(moments: Moments, path: str) -> None:
    """Writes an npz file with `mean` and `std`, whole or not at all.

    Raises:
      UserError: it cannot be written.
    """
    shown = f"--data_moments_fp={display_name(path)}"
    with writing(shown):
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    write_file(path, npz(mean=moments.mean, std=moments.std), shown)


def load(path: str, num_bins: int = PAPER.num_bins) -> Moments:
    """Reads what `save` or the original code wrote; of a pickle, only NumPy arrays are ever built.

    Raises:
      UserError: the file cannot be read or does not hold the moments of so many bins.
    """
    try:
        require_regular(path)
        if zipfile.is_zipfile(path):
            arrays = read_arrays(path, ["mean", "std"])
        else:
            with open(path, "rb") as file:
                arrays = load_arrays(file)
    except OSError as error:
        raise UserError(f"--data_moments_fp={path}: cannot be read ({error.strerror or error})") from None
    except ValueError as error:
        raise UserError(f"--data_moments_fp={path}: is neither an npz nor a pickle of moments ({error})") from None
    if len(arrays) != 2 or any(array.shape != (num_bins,) or array.dtype.kind not in "fiu" for array in arrays):
        shapes = ", ".join(str(list(array.shape)) for array in arrays)
        raise UserError(f"--data_moments_fp={path}: must hold mean and std of {num_bins} bins, not arrays of {shapes}")
    mean, std = (array.astype(np.float32) for array in arrays)
    if not np.isfinite([mean, std]).all() or (std < 0).any():
        raise UserError(f"--data_moments_fp={path}: holds numbers that are no means and standard deviations")
    return Moments(mean, std)


def of_run(config: SpecGANConfig, train_dir: str, store: ClipStore | None) -> Moments:
    """The moments of a run: those it keeps, else those of `data_moments_fp`, else computed; kept from then on.

    Args:
      config: the run's options.
      train_dir: keeps them as moments.npz.
      store: the run's audio; None if only kept moments can do.

    Raises:
      UserError: a file cannot be used, or `data_moments_fp` is not what the run keeps.
    """
    kept, given = os.path.join(train_dir, MOMENTS_FILE), config.data_moments_fp
    framing = config.framing()
    num_bins = framing.num_bins
    if os.path.exists(kept):
        moments = load(kept, num_bins)
        # A run that continues need not have the file any more; if it is there, it must be the same.
        if os.path.exists(given) and not _equal(moments, load(given, num_bins)):
            raise UserError(f"--data_moments_fp={given}: differs from {kept}, with which the run was started")
        return moments
    if given:
        moments = load(given, num_bins)
    elif (
        store is not None
        and config.data_prepared
        and (found := stored(store.audio.samples.folder, config, config.seed))
    ):
        logging.info("moments: those of %s", display_name(config.data_prepared))
        moments = found
    elif store is not None:
        logging.info("moments: computing them from %.0f clips", store.clips_per_epoch)
        moments = of_store(store, config.seed, framing)
    else:
        raise UserError(f"{kept}: not found; is this the directory of a specgan run?")
    save(moments, kept)
    return moments


def agreed(config: SpecGANConfig, train_dir: str, store: ClipStore, cluster: Cluster) -> Moments:
    """The moments of a run, the same in all its workers: those that the first of them keeps; see `of_run`.

    Raises:
      UserError: also if the workers were given different ones.
    """
    from wavegan_tf.core.workers.cluster import digest

    is_new = not run_exists(train_dir)
    if is_new and cluster.is_chief:
        # Of a start that was killed before it became a run, perhaps on other data.
        path = os.path.join(train_dir, MOMENTS_FILE)
        with writing(path), contextlib.suppress(FileNotFoundError):
            os.remove(path)
    given = load(config.data_moments_fp, config.framing().num_bins) if is_new and config.data_moments_fp else None
    cluster.agree({"content of --data_moments_fp": given and digest(given.mean, given.std)})
    kept = cluster.chief_first(lambda: of_run(config, train_dir, store))
    cluster.agree({"moments": digest(kept.mean, kept.std)}, "all workers must see the same --train_dir")
    return kept


def _equal(one: Moments, other: Moments) -> bool:
    return np.array_equal(one.mean, other.mean) and np.array_equal(one.std, other.std)


def main() -> None:
    """Reads the flags, computes and saves."""
    options = flags.from_flags(MomentsOptions)
    path = options.data_moments_fp
    require_one_place(options.data_dir, options.data_prepared)
    flags.require(data_moments_fp=path)
    require_there(options.data_dir, options.data_prepared)
    with output_file(path, "data_moments_fp"), work_folder(tempfile.gettempdir(), "specgan_moments") as cache_dir:
        from wavegan_tf.core.preparation.loading import load_clips

        store = load_clips(options, cache_dir)
        moments = of_store(store, options.seed, options.framing())
        save(moments, path)
    found = store.summary
    logging.info(
        "moments of %d files (%.0f seconds, %d files skipped) in %s: mean %.2f to %.2f, std %.2f to %.2f",
        found.files, found.seconds, found.skipped, path,
        moments.mean.min(), moments.mean.max(), moments.std.min(), moments.std.max(),
    )  # fmt: skip


def run() -> None:
    """Entry point of specgan_moments."""
    flags.define_flags(MomentsOptions, "specgan_tf.moments")
    flags.run(main)


if __name__ == "__main__":
    run()
