"""The DATA argument that all commands share: a CSV file or a built-in name."""

from jspline.datasets import NAMES, Table, load_table, read_table


def read(data: str, x: str | None, y: str | None) -> Table:
    """The table of that name, or in that file.

    Raises:
        ValueError: with a sentence that says what is wrong with the file or with the columns.
    """
    if data in NAMES:
        if x is not None or y is not None:
            raise ValueError(f"--x and --y choose columns of a CSV file; {data} is built in.")
        return load_table(data)
    return read_table(data, x, y)
