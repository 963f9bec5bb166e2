"""What eventkit's work costs beside hand-written code and its peers: `python -m benchmarks`.

Absolute times drift with the machine and its load, so everything is measured in interleaved rounds of one run, and
what is compared is the median of the ratios within a round.
"""
