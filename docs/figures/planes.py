"""The figure of docs/inputs.md: depths of earthquakes near Fiji, learned by a network."""

from pathlib import Path

import jax
import optax

import jspline
from jspline import plot

WIDTH = 40


def main(path: Path) -> None:
    """Learn it and draw it."""
    jax.config.update("jax_enable_x64", True)
    table = jspline.datasets.load_table("quakes")
    data, units = table.data.standardize()
    data = jspline.Dataset(data.x, data.y, 2 * data.weight / data.size)
    net = jspline.init.he(WIDTH, inputs=2).sample(WIDTH, key=jax.random.key(2))
    run = jspline.train(net, data, optax.adam(0.01), 3000)
    with plot.style():
        figure = plot.planes_figure(
            run.net, data, units=units, names=table.x_names, y_name=table.y_name,
            title=f"{WIDTH} neurons learn how deep earthquakes are",
        )  # fmt: skip
        plot.save(figure, path, dpi=100)


if __name__ == "__main__":
    main(Path(__file__).parent / "planes.png")
