"""Random views of images: what is drawn, and how it is applied, batched or on the CPU."""
