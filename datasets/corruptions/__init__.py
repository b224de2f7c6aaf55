"""Corruptions of images: those whose law is known and those of ImageNet-C."""
