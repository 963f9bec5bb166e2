"""eventkit on AWS: queues and topics in `eventkit_aws.sqs`, objects in `eventkit_aws.s3`.

Importing these modules imports no AWS SDK; opening a backend does.
"""
