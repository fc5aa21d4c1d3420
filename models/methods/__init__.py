"""A method = how to train a heatmap (loss) and how to read it (decoder): one class in one file of this folder.

A new one is such a file and needs no other change: a class from the parts in models/method.py under `@register`. For
anyone above: METHODS, AnyMethod as a type of pydantic's, and the paper's three by name.
"""

from heatmark.models.method import Method
from heatmark.models.methods.bcir import BiasCompensated
from heatmark.models.methods.detection import Detection
from heatmark.models.methods.ipr import IntegralRegression
from heatmark.models.methods.registry import METHODS, AnyMethod, register

__all__ = ["METHODS", "AnyMethod", "BiasCompensated", "Detection", "IntegralRegression", "Method", "register"]
