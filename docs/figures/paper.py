"""The two illustrations of docs/idea.md after the paper's figures 1 and 2."""

from pathlib import Path

from jspline.plot import paper, save

if __name__ == "__main__":
    for number, draw in ((1, paper.fig1), (2, paper.fig2)):
        save(draw(), Path(__file__).with_name(f"paper_figure_{number}.png"))
