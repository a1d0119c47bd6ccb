"""The figures of the claims, in the arrangement of the paper, from the arrays that a claim's evidence holds."""

from jspline.plot.paper._fig1 import fig1, fig2
from jspline.plot.paper._fig3 import fig3
from jspline.plot.paper._fig4 import fig4
from jspline.plot.paper._fig5 import fig5
from jspline.plot.paper._fig6 import fig6, fig8
from jspline.plot.paper._fig7 import fig7
from jspline.plot.paper._fig9 import fig9
from jspline.plot.paper._fig10 import fig10
from jspline.plot.paper._fig11 import fig11
from jspline.plot.paper._fig14 import fig14
from jspline.plot.paper._lit_alignment import alignment
from jspline.plot.paper._lit_approach import approach
from jspline.plot.paper._lit_conditioning import conditioning
from jspline.plot.paper._lit_meetings import meetings
from jspline.plot.paper._lit_quantized import quantized
from jspline.plot.paper._lit_saddles import saddles
from jspline.plot.paper._lit_step_bound import step_bound
from jspline.plot.paper._lit_two_regimes import two_regimes
from jspline.plot.paper._tables import table1, table2, table3

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
