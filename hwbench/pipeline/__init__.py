"""The whole way in one go: train, measure, fit, search, verify, each step left on the disk."""
