"""What consumes a stream: each script is run as a process of its own, by path, with an endpoint and the stream's name.

The further arguments are its kind, `table` or `stream`, after how many records a line is to be printed, and options.
Each does the same with a record: it reads the order that the record holds into a model, and counts it.
"""
