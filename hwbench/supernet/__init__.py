"""Supernets: many networks of a space trained in one, with shared weights.

Needs the extra [train]. The modules import torch; this package does not.
"""
