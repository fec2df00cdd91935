"""Labels of files by sub-folder, name and csv, and what is refused."""

from __future__ import annotations

import json
import logging
import os
import re

import pytest

from wavegan_tf.core.audio import labels
from wavegan_tf.core.audio.labels import Labelling, label_of_name, label_of_subfolder
from wavegan_tf.core.errors import UserError


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("kick_gmrock_001.flac", "kick"), ("Kick01.wav", "kick"), ("open hat - 3.wav", "open hat"), ("tom.wav", "tom"),
        ("hi-hat-2.mp3.wav", "hi-hat"), ("0_george_10.wav", "0"), ("10_x.wav", "10"), ("808kick_1.wav", "808kick"),
        ("07.wav", None), ("7kick.wav", None), ("_x.wav", None), ("-1.wav", None), ("snare_7_a.aif", "snare"),
    ],
)  # fmt: skip
def test_labels_of_names(name, label):
    assert label_of_name(os.path.join("folder_1", name)) == label


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("kick/1.wav", "kick"), ("Kick/808/deep/1.wav", "kick"), ("1.wav", None), ("_noise_/1.wav", None),
        ("open_hat/kick_1.wav", "open_hat"),
    ],
)  # fmt: skip
def test_labels_of_sub_folders(path, label):
    for root in ("data", "/a/data/", "."):
        assert label_of_subfolder(root, os.path.join(root, path)) == label


def apply(rule, folder, names, *, skip_bad=True, **options):
    return Labelling(rule, **options).apply(str(folder), [str(folder / name) for name in names], skip_bad)


def test_files_without_a_label_are_named_and_skipped(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    names = ["01.wav", "kick_1.wav", "kick_2.wav", "snare_1.wav"]
    found = apply("name", tmp_path, names)
    assert found.names == ("kick", "snare")
    assert found.files == {str(tmp_path / name): number for name, number in zip(names[1:], (0, 0, 1), strict=True)}
    assert "01.wav: has no label before a _ or a digit" in caplog.text
    with pytest.raises(UserError, match=r"01\.wav: has no label .*data_skip_bad=true"):
        apply("name", tmp_path, names, skip_bad=False)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["kick_1.wav", "kick_2.wav"], r"needs files of two labels or more; found kick \(2\)$"),
        (["1.wav"], "needs files of two labels or more; found none$"),
        (["all_1.wav", "b_1.wav"], r"'all' cannot be a label: .*found all \(1\), b \(1\)$"),
        (["a,b_1.wav", "c_1.wav"], "'a,b' cannot be a label"),
        ([f"{'x' * 65}_1.wav", "c_1.wav"], "cannot be a label: it is longer than 64 bytes"),
        (["a\udcff_1.wav", "c_1.wav"], "cannot be a label: it holds a character"),
        ([f"x{chr(97 + i // 26 // 26)}{chr(97 + i // 26 % 26)}{chr(97 + i % 26)}_1.wav" for i in range(1001)],
         r"1001 labels, and 1000 are the most; found xaaa \(1\), .* and 981 more$"),
    ],
)  # fmt: skip
def test_labels_that_no_run_can_have(tmp_path, names, message):
    with pytest.raises(UserError, match=message):
        apply("name", tmp_path, names)


def test_a_run_that_goes_on_keeps_its_labels(tmp_path):
    known = ("clap", "kick", "snare")
    found = apply("name", tmp_path, ["kick_1.wav"], known=known)
    assert found.names == known and list(found.files.values()) == [1]
    with pytest.raises(UserError, match=r"'tom' is no label of the run .*, snare; found kick \(1\), tom \(2\)"):
        apply("name", tmp_path, ["kick_1.wav", "tom_1.wav", "tom_2.wav"], known=known)
    with pytest.raises(UserError, match="needs files of two labels"):
        apply("name", tmp_path, [], known=known)


FILES = ["a/x.wav", "b.wav", "c.wav"]


@pytest.mark.parametrize(
    "text",
    [
        "file,label\na/x.wav,Kick\nb.wav,snare\nc.wav,kick\n",
        "label,other,file\nkick,,a/x.wav\n snare,1,b.wav\nkick,,c.wav\n",
        "\ufefffile,label\r\n./a/x.wav,kick\r\n\r\nb.wav,snare\r\nc.wav,kick",
        'a/x.wav,"kick"\nb.wav,snare\nc.wav,kick\n',
    ],
)  # fmt: skip
def test_tables(tmp_path, text):
    (tmp_path / "t.csv").write_bytes(text.encode())
    found = apply("csv", tmp_path, FILES, table=str(tmp_path / "t.csv"), skip_bad=False)
    assert found.names == ("kick", "snare") and list(found.files.values()) == [0, 1, 0]


def test_rows_that_are_missing_are_skipped_or_refused(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    (tmp_path / "t.csv").write_text("file,label\na/x.wav,kick\nb.wav,snare\nd.wav,tom\n")
    found = apply("csv", tmp_path, FILES, table=str(tmp_path / "t.csv"))
    assert found.names == ("kick", "snare") and len(found.files) == 2
    assert "c.wav: has no row in --data_labels_file" in caplog.text
    assert "t.csv, line 4: d.wav is no audio file there" in caplog.text
    with pytest.raises(UserError, match=r"t\.csv, line 4: d\.wav is no audio file there"):
        apply("csv", tmp_path, FILES, table=str(tmp_path / "t.csv"), skip_bad=False)
    (tmp_path / "t.csv").write_text("file,label\na/x.wav,kick\nb.wav,snare\n")
    with pytest.raises(UserError, match=r"c\.wav: has no row in data_labels_file"):
        apply("csv", tmp_path, FILES, table=str(tmp_path / "t.csv"), skip_bad=False)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty; it must have the columns file,label"),
        (b"name,label\na,b\n", "has the columns name, label; it must have file,label"),
        (b"a.wav\n", "has the columns a.wav; it must have"),
        (b"file,label\nb.wav,kick\n./b.wav,kick\n", r"lines 2 and 3 are both of \./b\.wav; leave one"),
        (b"file,label\nb.wav\n", "line 2: must have 2 values"),
        (b"file,label\nb.wav,kick,9\n", "line 2: must have 2 values"),
        (b"file,label\n,kick\n", "line 2: must have 2 values, a file among them"),
        (b"file,label\n\xff,kick\n", "cannot be read as csv in UTF-8"),
        (b'file,label\n"b.wav,kick\n', "cannot be read as csv"),
        (b"file,label\nb.wav,kick\x00\n", "cannot be read as csv|cannot be a label"),
        (None, r"cannot be read as csv in UTF-8 \(No such file"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path, data, message):
    if data is not None:
        (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(UserError, match=message) as caught:
        apply("csv", tmp_path, FILES, table=str(tmp_path / "t.csv"))
    assert "\n" not in str(caught.value)


def test_labels_are_kept_with_the_run(tmp_path):
    labels.save(["kick", "snare"], str(tmp_path))
    assert labels.load(str(tmp_path)) == ("kick", "snare")


@pytest.mark.parametrize(
    "value",
    [None, [], {}, {"labels": "ab"}, {"labels": ["a"]}, {"labels": ["a", "a"]}, {"labels": ["a", 1]},
     {"labels": ["a", "../b"]}, {"labels": ["a", "all"]}],
)  # fmt: skip
def test_damaged_labels_of_a_run(tmp_path, value):
    if value is not None:
        (tmp_path / labels.LABELS_FILE).write_text(json.dumps(value))
    with pytest.raises(UserError, match=re.escape(labels.LABELS_FILE) + ": cannot be read as the labels of the run"):
        labels.load(str(tmp_path))


@pytest.mark.parametrize("rule", ["folder", "name"])
@pytest.mark.parametrize("known", [None, ("snare", "tom", "kick", "hat")])
def test_numbers_are_those_of_the_mapping(rule, known):
    paths = ["f/snare/snare_1.wav", "f/0.wav", "f/kick/kick_2.wav", "f/snare/snare_3.wav", "f/hat/hat.wav", "f/_.wav"]
    labelling = Labelling(rule, known=known)
    names, numbers = labelling.number("f", paths, True)
    labelled = labelling.apply("f", paths, True)
    assert names == labelled.names == (known or ("hat", "kick", "snare"))
    assert [labelled.files.get(path, -1) for path in paths] == numbers.tolist()
    shown = [names[number] if number >= 0 else None for number in numbers]
    assert shown == ["snare", None, "kick", "snare", "hat", None]
