"""Layers, convolutions, losses and optimizers: what networks and their training are made of."""
