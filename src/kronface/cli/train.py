"""`kronface train`: the study is the command."""

from kronface.studies.training_run import train

__all__ = ["train"]
