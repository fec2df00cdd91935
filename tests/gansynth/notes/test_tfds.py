"""NSynth as TensorFlow Datasets itself builds it, of small archives in the published form."""

from __future__ import annotations

import csv
import os
import tarfile
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from gansynth_tf.notes.files import note_of_name
from gansynth_tf.notes.loading import SUBSET_PITCH_COUNTS, load_notes
from gansynth_tf.notes.options import NoteOptions
from gansynth_tf.notes.stream import note_batches
from tests.gansynth.notes import record_files

tfds = pytest.importorskip("tensorflow_datasets", reason="needs the extra nsynth")
pytestmark = pytest.mark.slow
SPLITS = ("train", "valid", "test")
SECONDS, RATE = 4, 16000


def publish(folder: Path) -> dict[str, np.ndarray]:
    """Writes the archives, the table of splits and the names of instruments; returns the waves by note."""
    rng, waves, rows = np.random.default_rng(0), {}, []
    for number, split in enumerate(SPLITS):
        examples = []
        for pitch in range(60, 66):
            kind = "acoustic" if pitch % 3 else "electronic"
            name = f"guitar_{kind}_000-{pitch:03d}-{25 * (number + 1):03d}"
            waves[name] = rng.normal(0, 0.1, SECONDS * RATE).astype(np.float32)
            values = {
                "note_str": name.encode(), "pitch": pitch, "velocity": 25 * (number + 1), "audio": waves[name],
                "sample_rate": RATE, "instrument_str": f"guitar_{kind}_000".encode(), "qualities": 0,
                "instrument_family_str": b"guitar", "instrument_source_str": kind.encode(),
            }  # fmt: skip
            example = record_files.example(values)
            example.features.feature["qualities"].int64_list.value[:] = [0] * 10
            examples.append(example.SerializeToString())
            if kind == "acoustic":
                rows.append((name, SPLITS[(number + pitch) % 3]))  # other splits than the whole set's
        records = record_files.write(folder / f"nsynth-{split}.tfrecord", examples)
        with tarfile.open(f"{records}.tar", "w") as archive:
            archive.add(records, records.name)
    (folder / "nsynth-instrument_labels.txt").write_text("".join(
        f"{name}\n" for name in ["guitar_acoustic_000", "guitar_electronic_000", *(f"other_{i}" for i in range(1004))]
    ))  # fmt: skip
    with open(folder / "nsynth-gansynth_splits.csv", "w", newline="") as file:
        csv.writer(file).writerows([("id", "split"), *rows])
    return waves


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """TensorFlow Datasets' data_dir, and the waves of all notes."""
    folder = tmp_path_factory.mktemp("published")
    waves = publish(folder)

    def local(manager, urls):
        """In place of the downloads; archives are extracted by TensorFlow Datasets."""
        if isinstance(urls, dict):
            return {name: local(manager, url) for name, url in urls.items()}
        path = folder / os.path.basename(urls)
        return manager.extract(path) if path.suffix == ".tar" else path

    data_dir = folder / "tfds"
    for config in ("gansynth_subset", "full"):
        with mock.patch.object(tfds.download.DownloadManager, "download_and_extract", local):
            tfds.builder(f"nsynth/{config}", data_dir=data_dir).download_and_prepare()
    return str(data_dir), waves


@pytest.mark.parametrize("config", ["gansynth_subset", "full"])
@pytest.mark.parametrize("split", SPLITS)
def test_notes_are_those_that_tfds_itself_reads(built, config, split, tmp_path):
    data_dir, waves = built
    given = {"tfds_data_dir": data_dir, "tfds_config": config, "data_split": split, "data_sources": ""}
    store = load_notes(NoteOptions(**given), str(tmp_path))
    theirs = {
        note["id"].decode(): note
        for note in tfds.as_numpy(tfds.load(f"nsynth/{config}", split=split, data_dir=data_dir, download=False))
    }
    assert set(store.names) == set(theirs) and len(store) == (6 if config == "full" else 4)
    starts = np.cumsum(store.lengths) - store.lengths
    for name, pitch, start in zip(store.names, store.pitches, starts, strict=True):
        found = store.samples.numpy()[start : start + SECONDS * RATE, 0]
        np.testing.assert_array_equal(found, theirs[name]["audio"])
        np.testing.assert_array_equal(found, waves[name])
        assert pitch == theirs[name]["pitch"] == note_of_name(name).pitch
    is_table = config == "gansynth_subset" and split == "train"
    assert (store.pitch_counts.sum() == sum(SUBSET_PITCH_COUNTS)) == is_table
    whole = next(iter(note_batches(store, store.wave, batch_size=4, seed=1)))
    for worker in range(2):
        part = next(iter(note_batches(store, store.wave, batch_size=4, seed=1, worker=worker, num_workers=2)))
        np.testing.assert_array_equal(part[0], whole[0][2 * worker : 2 * worker + 2])


def test_a_choice_of_sources_leaves_the_others_out(built, tmp_path):
    data_dir, _ = built
    options = NoteOptions(tfds_data_dir=data_dir, tfds_config="full", data_sources="electronic")
    store = load_notes(options, str(tmp_path))
    assert [name.split("_")[1] for name in store.names] == ["electronic"] * 2
    assert dict(store.left_out) == {"--data_sources=electronic": 4}
