"""From ten measured architectures to the surrogate of a new device, with the known ones as prior.

`Prior` learns from known devices, `choose` says what to measure, `fit` turns measurements into
tables, and `FewShot` holds them with what they leave open.
"""
