"""The classifiers that metrics depend on: their networks, training, storage and outputs."""
