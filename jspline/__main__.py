"""`python -m jspline`."""

from jspline.cli import main

main()
