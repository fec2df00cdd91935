"""The listening page: its description, the sources of its clips, its pictures and its HTML."""
