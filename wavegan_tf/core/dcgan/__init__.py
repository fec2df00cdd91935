"""Everything that WaveGAN and SpecGAN share and GANSynth does not: networks, options, trainer, commands and TF1 names."""
