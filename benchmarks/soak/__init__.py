"""Real poller processes that are killed, stopped and kept waiting: `python -m benchmarks.soak`.

Everything runs on this machine: the queues, and the leases of streams, are ministack's, and streams are a stub's
(`benchmarks.streams`), so nothing here is a figure of AWS. The workers are processes of their own, each an app under
`run_poller`, forked from one that has imported everything; a start costs a tenth of a second of CPU instead of one.
What they do is written to files that outlive a `kill -9`, and judged afterwards by functions of those files alone, and
of the lease table's own history.
"""
