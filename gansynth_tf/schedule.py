"""Progressive growing: which resolution, blocks, batch size and number of images belong to each stage, and its fade-in.

Block ids count from 1, the coarsest, to `num_resolutions`. Stage 0 trains block 1; odd stages fade a new block in, and
even ones train it on. `progress` is p at the stable stage of p + 1 blocks, and in between while a block fades in.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Sequence

import numpy as np

SCALE_MODES = ("ALL", "H")

Size = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class ResolutionSchedule:
    """Sizes of images, as the original's class of that name.

    Attributes:
      start_resolutions: height (time) and width (frequency) at block 1.
      scale_base: how much larger an image is with each block.
      num_resolutions: blocks of the whole network.
      scale_mode: "ALL" scales both axes, "H" the first alone.
    """

    start_resolutions: Size = (2, 16)
    scale_base: int = 2
    num_resolutions: int = 7
    scale_mode: str = "ALL"

    @property
    def block_scale(self) -> Size:
        """Along each axis, from one block to the next."""
        return (self.scale_base, self.scale_base if self.scale_mode == "ALL" else 1)

    @property
    def final_resolutions(self) -> Size:
        """Height and width of the data."""
        return self.resolutions(self.num_resolutions)

    def resolutions(self, block_id: int) -> Size:
        """Height and width at a block."""
        heights, widths = self.start_resolutions
        steps = block_id - 1
        return (heights * self.block_scale[0] ** steps, widths * self.block_scale[1] ** steps)

    def scales(self, block_id: int) -> Size:
        """How much larger the data are than images of a block, along each axis.

        Raises:
          ValueError: there is no such block.
        """
        if not 1 <= block_id <= self.num_resolutions:
            raise ValueError(f"block_id={block_id}: must be from 1 to {self.num_resolutions}")
        steps = self.num_resolutions - block_id
        return (self.block_scale[0] ** steps, self.block_scale[1] ** steps)


def num_filters(block_id: int, fmap_base: int, fmap_decay: float, fmap_max: int) -> int:
    """Channels of block `block_id`: min(fmap_base / 2^(block_id * fmap_decay), fmap_max), rounded down."""
    # More halvings than float64 has exponents leave nothing either.
    return int(min(fmap_base / 2.0 ** min(block_id * fmap_decay, 1023.0), fmap_max))


def min_total_num_images(stable: int, transition: int, num_blocks: int) -> int:
    """Images until the stable stage of `num_blocks` blocks is over."""
    return num_blocks * stable + (num_blocks - 1) * transition


def progress_at(image_id: int, stable: int, transition: int, num_blocks: int) -> np.float32:
    """How far training has come (`compute_progress`).

    Args:
      image_id: images trained on so far.
      stable: images of each stable stage.
      transition: images of each fade-in.
      num_blocks: of the networks; progress never exceeds num_blocks - 1.

    Returns:
      float32, as exact as the original's.
    """
    capped = min(image_id, min_total_num_images(stable, transition, num_blocks) - 1)
    whole, rest = divmod(capped, stable + transition)
    # TensorFlow 1's graphs multiply by the reciprocal of a constant divisor.
    fraction = np.float32(rest - stable) * (np.float32(1) / np.float32(transition))
    return np.float32(whole) + max(np.float32(0), fraction)


def progress_from_time(train_time: float, stage_times: np.ndarray, num_blocks: int) -> np.float32:
    """How far training has come when stages end by the clock (`compute_progress_from_time`).

    Args:
      train_time: seconds trained so far.
      stage_times: from `stage_end_times`.
      num_blocks: of the networks; progress never exceeds num_blocks - 1.
    """
    time = np.float32(train_time)
    starts, ends = stage_times[0:-1:2], stage_times[1::2]
    progress = np.float32(0)
    for start, end in zip(starts, ends, strict=True):
        progress += np.clip((time - start) / (end - start), np.float32(0), np.float32(1))
    return min(progress, np.float32(num_blocks - 1))


def stage_end_times(num_stages: int, limit: float, multiplier: float) -> np.ndarray:
    """Seconds of training after which each stage ends: float32 [num_stages], the last one `limit`.

    Each stage is `multiplier` times as long as the one before.
    """
    lengths = np.zeros(num_stages, np.float32)
    lengths[0] = 1.0
    for stage in range(1, num_stages):
        lengths[stage] = lengths[stage - 1] * multiplier
    return np.cumsum(lengths * np.float32(limit / np.sum(lengths)))


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage of training.

    Attributes:
      stage_id: from 0.
      num_blocks: of both networks.
      end_image: the stage ends with the first batch that brings the count of images here.
      batch_size: images in a batch, over all devices.
    """

    stage_id: int
    num_blocks: int
    end_image: int
    batch_size: int

    @property
    def directory(self) -> str:
        """Its folder in the run's."""
        return f"stage_{self.stage_id:05d}"


def stage_ids(run_dir: str) -> list[int]:
    """Ids of the stages that have a folder in a run's directory, rising; none if there is no such directory."""
    names = os.listdir(run_dir) if os.path.isdir(run_dir) else []
    return sorted(int(match[1]) for match in (re.fullmatch(r"stage_(\d{5})", name) for name in names) if match)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingSchedule:
    """How many images each stage trains on.

    Attributes:
      resolutions: sizes of the images.
      batch_sizes: one for each resolution; a shorter list is filled up in front with its first element.
      stable_images: of each stable stage.
      transition_images: of each fade-in.
      total_images: of the whole training; the last stage takes what is left.
      time_limit: seconds of training; if given, stages end by the clock instead.
      time_multiplier: length of a stage by the clock, relative to the one before.
    """

    resolutions: ResolutionSchedule
    batch_sizes: Sequence[int]
    stable_images: int
    transition_images: int
    total_images: int
    time_limit: float | None = None
    time_multiplier: float = 1.0

    @property
    def num_stages(self) -> int:
        """Stages of a progressive training."""
        return 2 * self.resolutions.num_resolutions - 1

    def stage(self, stage_id: int) -> Stage:
        """A stage (`get_stage_info`, `get_batch_size`).

        Raises:
          ValueError: there is no such stage.
        """
        if not 0 <= stage_id < self.num_stages:
            raise ValueError(f"stage_id={stage_id}: must be from 0 to {self.num_stages - 1}")
        stable, transition = stage_id // 2 + 1, (stage_id + 1) // 2
        images = stable * self.stable_images + transition * self.transition_images
        if stage_id == self.num_stages - 1:
            images = self.total_images
        return Stage(stage_id, transition + 1, min(images, self.total_images), self._batch_size(stage_id))

    def _batch_size(self, stage_id: int) -> int:
        missing = max(self.resolutions.num_resolutions - len(self.batch_sizes), 0)
        return [*[self.batch_sizes[0]] * missing, *self.batch_sizes][(stage_id + 1) // 2]

    def end_time(self, stage_id: int) -> float | None:
        """Seconds of training after which a stage ends; None if the count of images decides."""
        return None if self.time_limit is None else float(self.end_times()[stage_id])

    def end_times(self) -> np.ndarray:
        """The same of all stages, float32 [num_stages]; only with a limit of time."""
        assert self.time_limit is not None
        return stage_end_times(self.num_stages, self.time_limit, self.time_multiplier)

    def progress(self, num_blocks: int, image_id: int, train_time: float) -> np.float32:
        """How far training has come, of networks with `num_blocks` blocks."""
        if self.time_limit is not None:
            return progress_from_time(train_time, self.end_times(), num_blocks)
        return progress_at(image_id, self.stable_images, self.transition_images, num_blocks)
