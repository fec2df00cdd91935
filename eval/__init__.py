"""The papers' measures of generated audio; reads folders of audio and classifiers, never a trainer."""
