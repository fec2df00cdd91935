"""The listening page: what it shows, where its clips come from, and its HTML."""
