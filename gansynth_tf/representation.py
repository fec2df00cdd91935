"""Names of the representations of sound, of their normalisers and of last activations, and what an image holds."""

from __future__ import annotations

DATA_TYPES = ("linear", "phase", "mel", "wave")
PARTS = 2  # of each channel of a sound: magnitude and phase; of waves, the samples twice
NONE, PRESPECIFIED, SIMPLE, FREQ = NORMALIZERS = (
    "none",
    "specgrams_prespecified_normalizer",
    "specgrams_simple_normalizer",
    "specgrams_freq_normalizer",
)
TO_RGB_ACTIVATIONS = ("tanh", "linear")


def fault(data_type: str, spec_shape: tuple[int, int]) -> str:
    """The reason why no sound, however long, has data of this shape; empty if sounds have."""
    bins = spec_shape[1]
    if data_type == "wave":
        return "" if bins == 1 else f"{bins} frequencies: waves have 1 (--start_width=1 --scale_mode=H)"
    # A frame has twice as many samples, and a quarter of them, at least one, is the step to the next.
    is_possible = bins >= 2 and not bins & (bins - 1)
    return "" if is_possible else f"{bins} frequencies: the features need a power of two, at least 2"


def num_samples(data_type: str, spec_shape: tuple[int, int], overlap: float = 0.75) -> int:
    """Samples that data of this shape can hold; the arguments are those of `Features`."""
    frames, bins = spec_shape
    if data_type == "wave":
        return frames
    return int((1.0 - overlap) * 2 * bins) * (frames - 1) + 2 * bins
