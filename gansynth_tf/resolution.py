"""Data at the resolution of one stage, in the data's units and in the networks', and why that is exact.

The original keeps all images at the data's full resolution: a stage of coarser blocks upsamples its generator's images,
and its discriminator downsamples what it is given, real data having been downsampled and upsampled before. All
full-size images x are then constant over boxes of `scales` pixels, x = up(y), and:

- A normaliser with one scale and offset for each channel acts on every pixel of a box alike, so that
  normalize(up(y)) = up(normalize(y)) and the discriminator sees the same whether it is given x or y.
- The gradient of a score with respect to x is constant over each box: every pixel carries 1/area of the gradient with
  respect to its y. So ||grad_x||^2 = sum over boxes of area * (grad_y / area)^2 = ||grad_y||^2 / area, and the
  gradient norm of the penalty is that at the stage's resolution over sqrt(area).

A normaliser with a scale for each frequency is not constant over boxes that are wider than one frequency. The data then
keep their full resolution along frequency, and boxes extend along time alone.
"""

from __future__ import annotations

import dataclasses
import math

import tensorflow as tf

from gansynth_tf.boxes import box_downscale, box_upscale
from gansynth_tf.normalizer import Normalizer
from gansynth_tf.progressive import generator_alpha
from gansynth_tf.schedule import ResolutionSchedule, Size


@dataclasses.dataclass(frozen=True)
class StageData:
    """Conversions between data and networks with `num_blocks` blocks.

    "Images" are what networks see and make, [b, h, w, 2 c] at the resolution of the last block. "Data" are in the
    units of the features, at the same resolution, or with a normaliser for each frequency at the full one along
    frequency.

    Attributes:
      resolutions: sizes.
      num_blocks: of the networks.
      normalizer: of the data.
    """

    resolutions: ResolutionSchedule
    num_blocks: int
    normalizer: Normalizer

    @property
    def _frequency_scale(self) -> Size:
        """From images to data."""
        return (1, self.resolutions.scales(self.num_blocks)[1] if self.normalizer.per_frequency else 1)

    @property
    def gradient_factor(self) -> float:
        """Norm of a score's gradient by full-size data over that by data at this resolution: 1 / sqrt(area)."""
        scales = self.resolutions.scales(self.num_blocks)
        return math.sqrt(self._frequency_scale[1] / math.prod(scales))

    def downsample(self, features: tf.Tensor) -> tf.Tensor:
        """Full-size features [b, t, f, 2 c] -> [b, h, w, 2 c], in the features' units."""
        return box_downscale(features, self.resolutions.scales(self.num_blocks))

    def blend(self, downsampled: tf.Tensor, progress: tf.Tensor | float) -> tf.Tensor:
        """Real data as they look at a progress (`blend_images`): coarser images fade into finer ones.

        Args:
          downsampled: from `downsample`.
          progress: scalar, 0 to num_blocks - 1.

        Returns:
          Data.
        """
        blended = tf.zeros_like(downsampled)
        for block in range(1, self.num_blocks + 1):
            steps = self.num_blocks - block
            scale = (self.resolutions.block_scale[0] ** steps, self.resolutions.block_scale[1] ** steps)
            coarse = box_upscale(box_downscale(downsampled, scale), scale)
            blended += generator_alpha(block, progress) * coarse
        return box_upscale(blended, self._frequency_scale)

    def to_images(self, data: tf.Tensor) -> tf.Tensor:
        """Data -> what the discriminator sees; clips as the normaliser does."""
        return box_downscale(self.normalizer.normalize(data), self._frequency_scale)

    def to_data(self, images: tf.Tensor, own_gradients: bool = True) -> tf.Tensor:
        """Images of the generator -> data; see `box_upscale`."""
        return self.normalizer.denormalize(box_upscale(images, self._frequency_scale, own_gradients))

    def to_features(self, data: tf.Tensor, own_gradients: bool = True) -> tf.Tensor:
        """Data -> full-size features [b, t, f, 2 c]; see `box_upscale`."""
        scales = self.resolutions.scales(self.num_blocks)
        return box_upscale(data, (scales[0], scales[1] // self._frequency_scale[1]), own_gradients)
