"""VTAB's 19 tasks as folders of images: `python -m datasets.vtab status` shows them."""
