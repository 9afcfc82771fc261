"""The whole way in one go: measure, fit, search, verify, each step left on the disk."""
