"""What a set of images is like before anything is trained on it, and pictures of what encoders see."""
