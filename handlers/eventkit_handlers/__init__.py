"""Ready-made handlers. Each one is a factory that takes the ports it needs, so import the module you want.

A handler owns the small Protocols that it calls (`eventkit_handlers.thumbnails.ObjectStore`, …); whatever has the
same verbs fits, and no handler knows an AWS SDK.
"""
