"""The papers' metrics of generated audio; reads folders of audio, SavedModels and classifiers, never a trainer."""
