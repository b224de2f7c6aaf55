"""What a set of images is like, a measure a file; `every` runs them all."""
