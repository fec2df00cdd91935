"""A training run of any GAN: one update, the loop around it, devices, checkpoints and tracking."""
