"""Discrete optimisers on the same loss, for shallow nets, with batch normalisation, and for deep ones."""

from jspline.descent._batch_norm import BatchNormNet
from jspline.descent._deep import DeepNet
from jspline.descent._train import OUTCOMES, Training, sharpness, train

__all__ = ["OUTCOMES", "BatchNormNet", "DeepNet", "Training", "sharpness", "train"]
