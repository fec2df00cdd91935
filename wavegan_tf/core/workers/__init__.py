"""The workers of a run on several machines: they meet, agree, stop together, and notice who is gone."""
