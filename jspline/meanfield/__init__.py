"""Infinite width: the law of the neurons in place of neurons, its flow, density and fluctuations, and its limits.

A network of width H with weights of size 1 / sqrt(H) has a limit, in which f = b0 + mean V relu(W x + B) over a law of
neurons, and gradient flow moves the law. Quadrature nodes of it are a network, which the exact flow runs as it is.

Theory: docs/theory.md 13.
"""

from jspline.meanfield._density import Atoms, Mass
from jspline.meanfield._flow import flow
from jspline.meanfield._gibbs import Gibbs, gibbs
from jspline.meanfield._labels import Cells, Labels
from jspline.meanfield._limit import MeanField
from jspline.meanfield._nodes import Nodes, nodes

__all__ = ["Atoms", "Cells", "Gibbs", "Labels", "Mass", "MeanField", "Nodes", "flow", "gibbs", "nodes"]
