"""The readers of sound, of notes, and of what describes either."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests import midi_files
from tests.fuzz.readers import Reader, as_json, saved


class NoteNames(Reader):
    name, file = "examples_json", "examples.json"

    def seeds(self) -> list[bytes]:
        entries = {}
        (self.folder / "audio").mkdir(exist_ok=True)
        for pitch in (36, 61):
            name = f"bass_acoustic_000-{pitch:03d}-100"
            (self.folder / "audio" / f"{name}.wav").touch()
            entries[name] = {"pitch": pitch, "velocity": 100, "instrument_family_str": "bass"}
        return [as_json(entries)]

    def read(self) -> object:
        from gansynth_tf.notes.files import list_notes

        found = list_notes(str(self.folder), "train")
        _require_lines(reason for pair in found.bad for reason in pair)
        return found


class Splits(NoteNames):
    name, file = "splits_csv", "nsynth-gansynth_splits.csv"

    def seeds(self) -> list[bytes]:
        NoteNames.seeds(self)
        names = sorted(path.stem for path in (self.folder / "audio").iterdir())
        return [("id,split\r\n" + "".join(f'"{name}",train\r\n' for name in names)).encode()]


class Description(Reader):
    name = "description_json"

    def seeds(self) -> list[bytes]:
        import soundfile

        soundfile.write(self.folder / "a.wav", np.zeros(800), 16000)
        table = {"title": "t", "columns": [{"key": "a", "heading": "A", "decimals": 2}], "rows": [{"a": 1.5}]}
        clips = {"name": "x", "files": ["a.wav"], "captions": ["c"], "wide": True, "blind": False}
        return [as_json({"title": "t", "question": "q", "introduction": ["i"], "sets": [clips], "tables": [table]})]

    def read(self) -> object:
        from eval.listening_page import read_description
        from eval.page.description import Source, build
        from eval.page.render import render

        return render(build(read_description(str(self.path)), Source("x", str(self.folder), 2)))


class Midi(Reader):
    name = "midi"

    def seeds(self) -> list[bytes]:
        from tests.originals import GOLDENS

        events = [
            midi_files.tempo(0, 400_000), midi_files.on(0), midi_files.pedal(10, 127), midi_files.off(90),
            midi_files.on(300, 72), midi_files.sysex(5, b"abc"), midi_files.off(20, 72), midi_files.pedal(0, 0),
        ]  # fmt: skip
        midi_files.save(self.path, events, events)
        return [self.path.read_bytes(), (GOLDENS / "gansynth" / "example.mid").read_bytes()]

    def read(self) -> object:
        from gansynth_tf.midi.reading import read_midi

        return read_midi(str(self.path))


class Audio(Reader):
    name = "audio"

    def seeds(self) -> list[bytes]:
        import soundfile

        wave = 0.5 * np.sin(np.arange(4000) / 7)
        kinds = [
            ("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAV", "PCM_24"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"),
            ("AIFF", "PCM_16"), ("MP3", "MPEG_LAYER_III"), ("WAV", "IMA_ADPCM"), ("AU", "ULAW"), ("OGG", "OPUS"),
        ]  # fmt: skip
        return [saved(soundfile.write, wave, 8000, format=kind, subtype=subtype) for kind, subtype in kinds]

    def read(self) -> object:
        from wavegan_tf.core.audio import decode
        from wavegan_tf.core.errors import UserError

        try:
            return decode.decode(str(self.path), 16000)
        except decode.AudioError as error:
            raise UserError(str(error)) from None


class FastWav(Audio):
    name = "fast_wav"

    def seeds(self) -> list[bytes]:
        return Audio.seeds(self)[:2]

    def read(self) -> object:
        from wavegan_tf.core.audio import decode
        from wavegan_tf.core.errors import UserError

        try:
            return decode.decode(str(self.path), 8000, fast_wav=True)
        except decode.AudioError as error:
            raise UserError(str(error)) from None


def _require_lines(texts: Any) -> None:
    for text in texts:
        assert str(text).isprintable(), text
