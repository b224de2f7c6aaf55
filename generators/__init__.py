"""Image processes: each module makes images from noise alone. `python -m generators list` shows the named datasets."""

from utils.compiled import keep_machine_code

keep_machine_code(*__path__)
