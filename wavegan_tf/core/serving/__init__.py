"""SavedModels and what is generated with them: export, latents, and files of clips."""
