"""Streams: how pollers share the shards of one, and how each reads and handles those that it has."""
