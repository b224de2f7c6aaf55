"""Tar shards of images in WebDataset's layout: `write` makes them, `read` gives any image by its number."""
