"""The pytest plugin. pytest imports it in every run, so it imports nothing else before a fixture is used."""
