"""The `hwbench` command: one thin file a sub-command, data to stdout, logs to stderr."""
