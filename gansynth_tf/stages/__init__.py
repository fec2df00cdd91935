"""The stages of progressive training: each one's model, features and summaries, and the run through all of them."""
