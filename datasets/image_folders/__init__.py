"""Folders of images: what one holds, and how it is written."""
