"""The classifiers behind the metrics: their networks, training, storage and outputs."""
