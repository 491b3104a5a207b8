"""`kronface reproduce figure-N`: the studies are the commands."""

from kronface.studies.figures.activation import figure_4
from kronface.studies.figures.architecture import figure_1
from kronface.studies.figures.curves import figure_3
from kronface.studies.figures.samples import figure_2

__all__ = ["figure_1", "figure_2", "figure_3", "figure_4"]
