"""What the three models share: audio, clips, layers, losses, training, checkpoints and serving."""
