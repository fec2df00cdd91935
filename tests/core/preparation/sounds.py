"""Folders of sounds of all kinds, prepared in this process, for the tests of prepared data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from specgan_tf.prepare import AudioPreparationOptions, prepare

RATE = 16000
# One process and no other: what the pipeline does must not depend on that.
IN_MEMORY = ("--direct_running_mode=in_memory",)


def tone(samples: int, channels: int = 1, seed: int = 0, peak: float = 0.5) -> np.ndarray:
    """Noise float64 [samples, channels] with this peak."""
    noise = np.random.default_rng(seed).uniform(-1, 1, [samples, channels])
    return peak * noise / np.abs(noise).max()


def write_sounds(folder: Path) -> None:
    """Files in two sub-folders, of 16 and more bits, mono and stereo, at the rate and another, and two bad ones."""
    for name in ("kick", "snare"):
        (folder / name).mkdir(parents=True)
    kinds = {
        "kick/a.wav": (40_000, 1, RATE, "PCM_16"),
        "kick/b.wav": (16_384, 1, RATE, "FLOAT"),
        "kick/c.flac": (20_001, 1, RATE, "PCM_16"),
        "kick/d.flac": (33_000, 1, RATE, "PCM_24"),
        "snare/e.wav": (50_000, 2, RATE, "PCM_16"),
        "snare/f.wav": (30_000, 1, 22_050, "PCM_16"),
        "snare/g.wav": (1, 1, RATE, "PCM_16"),
        "snare/h.wav": (17_000, 1, RATE, "PCM_16"),
    }
    for seed, (name, (samples, channels, rate, subtype)) in enumerate(kinds.items()):
        soundfile.write(folder / name, tone(samples, channels, seed, 0.1 + seed / 10), rate, subtype)
    soundfile.write(folder / "snare" / "silent.wav", np.zeros([20_000, 1]), RATE, "PCM_16")
    (folder / "kick" / "broken.wav").write_bytes(b"RIFF\x24\0\0\0WAVEnothing of the kind")
    (folder / "snare" / "empty.wav").touch()


def options(folder: Path, output: Path, **changes: object) -> AudioPreparationOptions:
    """Options of preparing a folder."""
    values = {"moments": False, "data_dir": str(folder), "output_dir": str(output), **changes}
    return AudioPreparationOptions(**values)  # type: ignore[arg-type]


def prepared(folder: Path, output: Path, **changes: object) -> Path:
    """Prepares a folder, and returns the output."""
    prepare(options(folder, output, **changes), IN_MEMORY)
    return output


def shards_of(folder: Path) -> dict[str, bytes]:
    """The shards of a folder by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.audio"))}


def leftovers(folder: Path) -> list[str]:
    """Names of temporary files, locks and lists that unfinished work has left in a folder."""
    return [path.name for path in folder.rglob("*") if ".tmp-" in path.name or path.name in (".lock", "lists")]
