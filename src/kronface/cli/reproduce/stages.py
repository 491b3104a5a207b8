"""`kronface reproduce stages`: the study is the command."""

from kronface.studies.stages import stages

__all__ = ["stages"]
