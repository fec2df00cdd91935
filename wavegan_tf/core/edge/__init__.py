"""Trained models outside of TensorFlow: as a TensorFlow Lite file, and as an instrument in a web page."""
