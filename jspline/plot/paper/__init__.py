"""The figures of the claims, in the arrangement of the paper, from the arrays that a claim's evidence holds."""

from jspline.plot.paper._landscape import fig1, fig2, fig3, fig4, fig5, fig6, fig8, fig14
from jspline.plot.paper._learning import fig7, fig9, fig10, fig11, table1, table2, table3
from jspline.plot.paper._literature import (
    alignment,
    approach,
    conditioning,
    meetings,
    quantized,
    saddles,
    step_bound,
    two_regimes,
)

__all__ = [
    "alignment",
    "approach",
    "conditioning",
    "fig1",
    "fig2",
    "fig3",
    "fig4",
    "fig5",
    "fig6",
    "fig7",
    "fig8",
    "fig9",
    "fig10",
    "fig11",
    "fig14",
    "meetings",
    "quantized",
    "saddles",
    "step_bound",
    "table1",
    "table2",
    "table3",
    "two_regimes",
]
