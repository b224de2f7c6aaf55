"""Image processes: each module makes images from noise alone. `python -m generators list` shows the named datasets."""
