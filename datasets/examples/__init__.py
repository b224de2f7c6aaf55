"""Labelled examples that are no image files: arrays computed once from recordings, and expert views of them."""
