"""Latents and their positive partners, and what is seen of them."""
