"""Names of the representations of sound, of their normalisers and of last activations, and what an image holds."""

from __future__ import annotations

DATA_TYPES = ("linear", "phase", "mel", "wave")
CHANNELS = 2
NONE, PRESPECIFIED, SIMPLE, FREQ = NORMALIZERS = (
    "none",
    "specgrams_prespecified_normalizer",
    "specgrams_simple_normalizer",
    "specgrams_freq_normalizer",
)
TO_RGB_ACTIVATIONS = ("tanh", "linear")


def num_samples(data_type: str, spec_shape: tuple[int, int], overlap: float = 0.75) -> int:
    """Samples that data of this shape can hold; the arguments are those of `Features`."""
    frames, bins = spec_shape
    if data_type == "wave":
        return frames
    return int((1.0 - overlap) * 2 * bins) * (frames - 1) + 2 * bins
