"""What consuming a queue costs: eventkit's poller beside hand-written loops and its peers, fed by a stub of SQS."""
