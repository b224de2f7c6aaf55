"""Folders of images: what one holds, how it is written, and the packed array that training reads."""
