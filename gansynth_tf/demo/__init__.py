"""The demo: a small GANSynth trained on the spot, and a tune that it plays."""
