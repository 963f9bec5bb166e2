"""Seeing an app at work, by middleware and hooks. Import the module you want, since each has its own extra.

- `eventkit_telemetry.logs` puts the delivery and the span into log records, and needs no extra;
- `eventkit_telemetry.metrics` counts and times for Prometheus: the extra `metrics`;
- `eventkit_telemetry.tracing` makes OpenTelemetry's spans: the extra `tracing`.
"""
