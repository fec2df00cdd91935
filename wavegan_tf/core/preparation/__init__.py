"""Decoded audio in shards: prepared once by a pipeline of Apache Beam, mapped into memory by any number of runs."""
