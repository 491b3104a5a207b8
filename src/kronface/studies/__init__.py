"""Whole experiments as resumable code: a training run from a folder of pictures, and the demo."""
