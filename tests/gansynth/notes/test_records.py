"""Notes in TFRecord files of both kinds, and what is said of records that are none."""

from __future__ import annotations

import numpy as np
import pytest

from gansynth_tf.notes import records
from gansynth_tf.notes.files import BadNote
from tests.fuzz import sealed
from tests.gansynth.notes import record_files
from wavegan_tf.core.errors import UserError

AUDIO = np.linspace(-0.5, 0.5, 64000, dtype=np.float32)


@pytest.mark.parametrize("make", [record_files.nsynth_example, record_files.tfds_example])
def test_both_kinds_are_read(make):
    note, audio, rate = records.parse("a, record 0", make("flute_acoustic_001-070-100", 70, AUDIO, 0, 2))
    assert (note.name, note.pitch, note.family, note.source, note.velocity) == (
        "flute_acoustic_001-070-100", 70, "flute", "acoustic", 100,
    )  # fmt: skip
    np.testing.assert_array_equal(audio, AUDIO)
    assert rate == (16000 if make is record_files.nsynth_example else None)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"\xff\xff no protobuf", "is no tf.train.Example"),
        ("cannot be read (truncated)", "cannot be read"),
        (record_files.serialized({"audio": AUDIO[:9]}), "pitch None is not a MIDI number"),
        (record_files.nsynth_example("x", -1, AUDIO[:9]), "pitch -1 is not a MIDI number"),
        (record_files.nsynth_example("bass_acoustic_000-036-100", 37, AUDIO[:9]), "has pitch 37, and 36 by its name"),
    ],
)
def test_what_is_no_note_is_named(record, reason):
    with pytest.raises(BadNote, match=reason):
        records.parse("a, record 0", record)


@pytest.mark.parametrize("audio", [{}, {"audio": b"text"}, {"audio": AUDIO[:0]}])
def test_a_note_without_audio_has_no_samples(audio):
    """It may be one that nobody chooses, as a file without samples."""
    note, samples, _ = records.parse("a, record 0", record_files.serialized({"pitch": 60, **audio}))
    assert note.pitch == 60 and samples.shape == (0,)


def test_a_damaged_file_gives_what_stands_before_the_damage(tmp_path):
    path = record_files.write(
        tmp_path / "a.tfrecord", [record_files.nsynth_example(f"n{i}", 60, AUDIO[:500]) for i in range(3)]
    )
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - 100])
    second = record_files.write(tmp_path / "b.tfrecord", [record_files.nsynth_example("n9", 61, AUDIO[:5])])
    found = list(records.records([str(path), str(second)]))
    assert [place for place, _ in found] == [
        "a.tfrecord, record 0", "a.tfrecord, record 1", "a.tfrecord, from record 2", "b.tfrecord, record 0",
    ]  # fmt: skip
    assert isinstance(found[2][1], str) and "cannot be read" in found[2][1]
    assert records.parse(*found[3])[0].name == "n9"


@pytest.mark.parametrize("length", [2**20, 2**33, 2**40, 2**63, 2**64 - 1])
def test_a_length_that_no_file_has_is_damage(tmp_path, length):
    """With right checksums: TensorFlow alone takes the memory, or ends the process."""
    notes = [record_files.nsynth_example(f"n{i}", 60, AUDIO[:50]) for i in range(2)]
    path = tmp_path / "a.tfrecord"
    path.write_bytes(sealed.record(notes[0]) + sealed.record(notes[1], length))
    (_, first), (place, reason) = records.records([str(path)])
    assert first == notes[0] and place == "a.tfrecord, from record 1"
    assert reason == f"cannot be read (it ends in the middle of a record, which claims {length} bytes)"


def test_a_record_with_a_wrong_checksum_is_damage_in_one_line(tmp_path):
    notes = [record_files.nsynth_example(f"n{i}", 60, AUDIO[:50]) for i in range(2)]
    path = record_files.write(tmp_path / "a.tfrecord", notes)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    _, (place, reason) = records.records([str(path)])
    assert place == "a.tfrecord, from record 1" and isinstance(reason, str)
    assert reason.startswith("cannot be read (") and "{{" not in reason and reason.isprintable()


def test_the_newest_version_of_the_subset_is_found(tmp_path):
    for version in ("2.3.3", "2.3.10", "2.4.0", "1.1.0"):
        record_files.write_tfds(tmp_path, [b"", b""], version)
    files = records.tfds_files(str(tmp_path), "train")
    assert [path.removeprefix(str(tmp_path)) for path in files] == [
        f"/nsynth/gansynth_subset/2.3.10/nsynth-train.tfrecord-0000{shard}-of-00002" for shard in (0, 1)
    ]
    with pytest.raises(UserError, match=r"tfds_data_dir=.*: holds no nsynth/gansynth_subset/2.3.\*/nsynth-valid"):
        records.tfds_files(str(tmp_path), "valid")


def test_record_files_are_named_by_a_path_or_a_pattern(tmp_path):
    for name in ("b.tfrecord", "a.tfrecord", "c[1].tfrecord"):
        record_files.write(tmp_path / name, [])
    assert records.nsynth_files(f"{tmp_path}/[ab].tfrecord") == [f"{tmp_path}/{n}.tfrecord" for n in "ab"]
    assert records.nsynth_files(f"{tmp_path}/c[1].tfrecord") == [f"{tmp_path}/c[1].tfrecord"]
    with pytest.raises(UserError, match="train_data_path=.*: no such file"):
        records.nsynth_files(f"{tmp_path}/nothing")
