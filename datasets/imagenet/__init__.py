"""ImageNet-100 from a copy of ImageNet-1k: `python -m datasets.imagenet --help`."""
