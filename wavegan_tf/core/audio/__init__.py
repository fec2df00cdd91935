"""From audio files to a stream of clips, and the Fourier transforms of sound."""
