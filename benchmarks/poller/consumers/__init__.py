"""What consumes a queue: each script is run as a process of its own, by path, with an endpoint and a queue's name.

Each does the same with a message: it reads the JSON of its body and counts the order, until it is killed.
"""
