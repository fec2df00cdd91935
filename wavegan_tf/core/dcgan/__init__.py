"""Everything that WaveGAN and SpecGAN share, but not GANSynth: networks, options, trainer, commands and TF1 names."""
