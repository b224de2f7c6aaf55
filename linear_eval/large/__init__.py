"""Probes at the scale of ImageNet-1k."""
