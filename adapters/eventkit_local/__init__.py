"""AWS on this machine: an emulator, an app's resources in it, and the app fed from them.

`eventkit_local.emulator` runs the emulator, `plan` and `provision` make what an app declares, `dev` puts them together
with the poller, and `runtime_api` stands for AWS Lambda.
"""
