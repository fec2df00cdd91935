"""From note files and records to a stream of waveforms with their pitches."""
