"""Notes of NSynth, of its subset in TensorFlow Datasets, or of any folder: decoded once, into memory or a file."""

from __future__ import annotations

import collections
import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from absl import logging

from gansynth_tf.notes import records
from gansynth_tf.notes.files import ADVICE, BadNote, Note, NoteList, list_notes
from gansynth_tf.notes.options import PLACES, TFDS_CONFIGS, NoteChoiceOptions, NoteOptions
from gansynth_tf.notes.stream import NoteStore
from wavegan_tf.core.audio import cache, decode
from wavegan_tf.core.audio import store as audio_store
from wavegan_tf.core.audio.conversion import Unusable, convert
from wavegan_tf.core.audio.files import report_skipped
from wavegan_tf.core.audio.options import Decoding
from wavegan_tf.core.audio.samples import Samples
from wavegan_tf.core.errors import UserError
from wavegan_tf.core.files import display_name
from wavegan_tf.core.preparation.loading import Prepared, open_prepared
from wavegan_tf.core.preparation.manifest import NOTES

# How many notes of each pitch from 24 upwards the training split of GANSynth's subset of NSynth has, by the original.
SUBSET_FIRST_PITCH = 24
SUBSET_PITCH_COUNTS = (
    551, 545, 561, 550, 549, 578, 547, 628, 626, 630, 670, 668, 751, 768, 788, 801, 821, 871, 873, 860, 873,
    844, 883, 865, 1058, 1036, 1094, 1065, 1186, 1200, 1187, 1346, 1273, 1320, 1263, 1283, 1349, 1285, 1281, 1332, 1286,
    1301, 1220, 1300, 1209, 1257, 1288, 1223, 1258, 1183, 1178, 1125, 1171, 1089, 1024, 1081, 966, 1043, 991, 959, 977,
)  # fmt: skip


def load_notes(options: NoteOptions, cache_dir: str, num_channels: int = 1) -> NoteStore:
    """Finds and decodes the notes of a run.

    Args:
      options: where they are and which to take.
      cache_dir: where decoded audio goes that does not fit `data_cache_mb`, unless `data_cache_dir` is set.
      num_channels: of the waveforms: files are averaged to 1; mono is duplicated to 2; else they must agree.

    Raises:
      UserError: none or several places are given, nothing there can be used, or a note is bad and `data_skip_bad`
        is off.
    """
    loads = {
        "data_dir": _load_folder, "tfds_data_dir": _load_tfds, "train_data_path": _load_records,
        "data_prepared": _load_prepared,
    }  # fmt: skip
    load = loads[options.place]
    store = load(options, options.data_cache_dir or cache_dir, num_channels)
    for flag, count in store.left_out.items():
        logging.info("notes skipped by %s: %d", flag, count)
    logging.info(
        "data: %d notes of pitches %d to %d, %.0f seconds, %d notes skipped, %d skipped",
        len(store), store.pitches.min(), store.pitches.max(), store.samples.shape[0] / options.sample_rate,
        len(store.bad), sum(store.left_out.values()),
    )  # fmt: skip
    return store


def _load_folder(options: NoteOptions, cache_dir: str, num_channels: int) -> NoteStore:
    listed = list_notes(options.data_dir, options.data_split, options.data_skip_bad)
    by_path, left_out = choose_notes(listed, options, options.data_split, options.data_dir)
    _check_bad(listed.bad, options)
    decoded = audio_store.open_store(
        list(by_path),
        Decoding(options.sample_rate, num_channels, options.data_normalize),
        cache_dir=cache_dir,
        memory_limit=options.data_cache_mb << 20,
        skip_bad=options.data_skip_bad,
    )
    notes = [by_path[path] for path in decoded.files]
    odd = []
    for note, length in zip(notes, decoded.lengths, strict=True):
        odd += _oddities(note.name, int(length), decode.probe(note.path)[0], options)
    report_skipped(odd, "changed")
    contents = {"names": [note.name for note in notes], "pitches": [note.pitch for note in notes]}
    bad = [*listed.bad, *((by_path[path].name, reason) for path, reason in decoded.skipped)]
    key = cache.cache_key([note.path for note in notes], _decoding_key(options, num_channels, contents))
    contents |= {"lengths": decoded.lengths, "bad": bad, "left_out": left_out}
    return _store(options, contents, decoded.samples, key)


def choose_notes(
    listed: NoteList, options: NoteChoiceOptions, split: str, place: str
) -> tuple[dict[str, Note], dict[str, int]]:
    """The notes of a list that the options take.

    Args:
      listed: with the notes' paths.
      options: which to take.
      split: that was taken, for messages.
      place: where they are, for messages.

    Returns:
      The notes by path, and how many others there are by the flag that decided.

    Raises:
      UserError: none is taken.
    """
    reasons = {note.path: options.reason_against(note) for note in listed.notes}
    left_out = collections.Counter(reason for reason in reasons.values() if reason)
    if listed.of_other_splits:
        left_out[f"--data_split={split}"] = listed.of_other_splits
    by_path = {note.path: note for note in listed.notes if not reasons[note.path]}
    if not by_path:
        raise _no_notes(place, left_out, listed.bad)
    bare = [note for note in by_path.values() if note.has_bare_number]
    if bare:
        logging.warning(
            "%d notes have their pitch from a number in the name, such as %d of %s; if that counts something else, %s",
            len(bare), bare[0].pitch, display_name(bare[0].name), ADVICE,
        )  # fmt: skip
    return by_path, dict(left_out)


def prepared_options(options: NoteChoiceOptions, split: str, num_channels: int) -> dict[str, Any]:
    """The options on which prepared notes depend, by flag."""
    names = (
        "sample_rate", "data_normalize", "data_sources", "data_families", "data_velocities", "data_min_pitch",
        "data_max_pitch",
    )  # fmt: skip
    found = {name: getattr(options, name) for name in names}
    return {**found, "data_split": split, "num_channels": num_channels}


def _load_prepared(options: NoteOptions, cache_dir: str, num_channels: int) -> NoteStore:
    opened = open_prepared(
        options.data_prepared,
        NOTES,
        prepared_options(options, options.data_split, num_channels),
        cache_dir=cache_dir,
        verify=options.data_verify,
        skip_bad=options.data_skip_bad,
        shuffle_shards=options.data_shuffle_shards,
    )
    return store_of(options, opened, num_channels)


def store_of(options: NoteOptions, opened: Prepared, num_channels: int) -> NoteStore:
    """The notes of a prepared set that is open.

    Raises:
      UserError: it has a note that its manifest excludes.
    """
    pitches, lengths = opened.tables.classes, opened.tables.lengths
    if pitches.min() < options.data_min_pitch or pitches.max() > options.data_max_pitch:
        raise UserError(f"{display_name(opened.folder)}: has a pitch that its manifest excludes; prepare the data anew")
    contents = {
        "names": opened.names, "pitches": pitches, "lengths": lengths, "bad": opened.skipped,
        "left_out": opened.manifest.left_out,
    }  # fmt: skip
    named = {"content": opened.samples.content, "tables": dict(opened.manifest.tables)}
    key = cache.cache_key([], _decoding_key(options, num_channels, named))
    return dataclasses.replace(_store(options, contents, opened.samples, key), window=opened.window)


def _load_tfds(options: NoteOptions, cache_dir: str, num_channels: int) -> NoteStore:
    files = records.tfds_files(options.tfds_data_dir, options.data_split, options.tfds_config)
    store = _load_record_files(options, files, cache_dir, num_channels)
    is_whole_subset = options.tfds_config in TFDS_CONFIGS[:2] and options.data_split == "train"
    if not is_whole_subset or options.data_families or options.data_velocities:
        return store
    pitches = range(options.data_min_pitch, options.data_max_pitch + 1)
    table = dict(enumerate(SUBSET_PITCH_COUNTS, SUBSET_FIRST_PITCH))
    return dataclasses.replace(store, pitch_counts=np.array([table.get(pitch, 0) for pitch in pitches], np.float64))


def _load_records(options: NoteOptions, cache_dir: str, num_channels: int) -> NoteStore:
    return _load_record_files(options, records.nsynth_files(options.train_data_path), cache_dir, num_channels)


def _load_record_files(options: NoteOptions, files: list[str], cache_dir: str, num_channels: int) -> NoteStore:
    def is_current(contents: dict[str, Any]) -> bool:
        return all(records.first_damage(path) == place for path, place in contents["damaged"])

    key = cache.cache_key(files, _decoding_key(options, num_channels, {}))
    contents, samples = audio_store.spooled(
        os.path.join(cache_dir, f"notes-{key}.f32"),
        key,
        num_channels,
        options.data_cache_mb << 20,
        lambda spool: _read_records(options, files, num_channels, spool),
        is_current,
    )
    _check_bad(contents["bad"], options)
    report_skipped(contents["odd"], "changed")
    read = {"names": contents["names"], "pitches": contents["pitches"]}  # not all of the files may be readable
    return _store(options, contents, samples, cache.cache_key(files, _decoding_key(options, num_channels, read)))


def _read_records(
    options: NoteOptions, files: list[str], num_channels: int, spool: cache.SampleSpool
) -> dict[str, Any]:
    """Puts the chosen notes of record files into the spool; returns what `NoteStore` says about them."""
    names, pitches, lengths, bad, odd, damaged = [], [], [], [], [], []
    left_out: collections.Counter[str] = collections.Counter()
    found = ((path, *record) for path in files for record in records.records([path]))
    for path, place, record in found:
        if isinstance(record, str):
            damaged.append((path, place))
        try:
            note, wave, rate = records.parse(place, record)
            reason = options.reason_against(note)
            if reason:
                left_out[reason] += 1
                continue
            rate = options.sample_rate if rate is None else rate
            wave = np.concatenate(list(convert([wave[:, None]], rate, options.sample_rate, num_channels)))
        except BadNote as error:
            bad.append((place, str(error)))
            continue
        except Unusable as error:
            bad.append((place, f"{note.name}: {error}"))
            continue
        wave = decode.normalize_peak(wave) if options.data_normalize else wave
        lengths.append(spool.extend([wave]))
        odd += _oddities(note.name, lengths[-1], rate, options)
        names.append(note.name)
        pitches.append(note.pitch)
    if not names:
        raise _no_notes(files[0], left_out, bad)
    return {
        "names": names, "pitches": pitches, "lengths": lengths, "bad": bad, "odd": odd, "damaged": damaged,
        "left_out": left_out,
    }  # fmt: skip


def _oddities(name: str, length: int, rate: int, options: NoteOptions) -> list[tuple[str, str]]:
    """How a note differs from what training takes, and what was done."""
    found = []
    if rate != options.sample_rate:
        found.append(f"is at {rate} Hz, resampled to {options.sample_rate}")
    if length != options.audio_length:
        done = "cropped" if length > options.audio_length else "zero-padded"
        found.append(f"has {length} samples, {done} to {options.audio_length}")
    return [(name, "; ".join(found))] if found else []


def _check_bad(bad: list, options: NoteOptions) -> None:
    if bad and not options.data_skip_bad:
        name, reason = bad[0]
        raise UserError(f"{name}: {reason}; repair or remove it, or set --data_skip_bad=true")
    report_skipped(bad)


def _no_notes(place: str, left_out: Mapping[str, int], bad: list) -> UserError:
    counts = [f"{count} skipped by {flag}" for flag, count in left_out.items()]
    if bad or not counts:
        name, reason = bad[0] if bad else ("the split", "has none")
        others = [f"{len(bad) - 1} others likewise or for other reasons"] if len(bad) > 1 else []
        return UserError("; ".join([f"{place}: holds no note that can be used", f"{name}: {reason}", *others, *counts]))
    return UserError(f"{place}: none of its {sum(left_out.values())} notes is chosen: {', '.join(counts)}")


def _decoding_key(options: NoteOptions, num_channels: int, contents: dict[str, Any]) -> dict[str, Any]:
    free = (*PLACES, "data_verify", "data_shuffle_shards", "data_skip_bad", "data_cache_mb", "data_cache_dir")
    names = [field.name for field in dataclasses.fields(NoteOptions) if field.name not in free]
    return {**{name: getattr(options, name) for name in names}, "num_channels": num_channels, **contents}


def _store(options: NoteOptions, contents: dict[str, Any], samples: Samples, key: str) -> NoteStore:
    pitches = np.array(contents["pitches"], np.int64)
    counts = np.bincount(pitches - options.data_min_pitch, minlength=options.num_pitches).astype(np.float64)
    return NoteStore(
        names=tuple(contents["names"]) if isinstance(contents["names"], list) else contents["names"],
        pitches=pitches,
        lengths=np.array(contents["lengths"], np.int64),
        samples=samples,
        first_pitch=options.data_min_pitch,
        pitch_counts=counts,
        audio_length=options.audio_length,
        key=key,
        bad=tuple((name, reason) for name, reason in contents["bad"]),
        left_out=dict(contents["left_out"]),
    )
