"""Streams behind the real protocols, for the soak's processes, and what consuming a stream costs."""
