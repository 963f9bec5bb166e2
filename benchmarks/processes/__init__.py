"""What a cold start imports: each module is run as a process of its own, by path."""
