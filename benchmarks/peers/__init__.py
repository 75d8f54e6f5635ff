"""Other people's ways to take the same steps, and how ours compare with them."""
