"""Encoders, and how they are kept on disk.

Each architecture says what it expects: SIZE (height and width of its input, in pixels), RESIZE and INTERPOLATION (how
an image comes to that size), MEAN and STD (normalisation of inputs in [0, 1]), LAYERS (names; the position is the
layer_index of `forward`) and PROBED (the layer that probes take by default).
"""

from models.any_encoder import load_encoder
from models.checkpoint import random_encoder, save_encoder
from models.efficientnet_lite0 import EfficientNetLite0
from models.pretrained import Pretrained
from models.resnet18 import ResNet18
from models.resnet50 import ResNet50
from models.small_alexnet import SmallAlexNet

Encoder = SmallAlexNet | ResNet18 | ResNet50 | EfficientNetLite0 | Pretrained

__all__ = ["EfficientNetLite0", "Encoder", "Pretrained", "ResNet18", "ResNet50", "SmallAlexNet", "load_encoder",
           "random_encoder", "save_encoder"]
