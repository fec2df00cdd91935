"""From MIDI files to sound: reading, instruments over time, and mixing notes."""
