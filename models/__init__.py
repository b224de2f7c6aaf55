"""Encoders, and how they are kept on disk."""

from models.checkpoint import load_encoder, random_encoder, save_encoder
from models.small_alexnet import SmallAlexNet

__all__ = ["SmallAlexNet", "load_encoder", "random_encoder", "save_encoder"]
