"""AWS on this machine: an emulator, an app's resources in it, and the app fed from them.

`eventkit_local.emulator` runs the emulator, `plan` and `provision` make what an app declares, `dev` puts them together
with the poller, and `runtime_api` stands for AWS Lambda. What a whole example has around its app: `edge` stands for
CloudFront, `mailbox` for the people who get mail, `global_tables` keeps a table in step with other Regions, and
`serving` runs ASGI apps.
"""
