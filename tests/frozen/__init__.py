"""Numbers of one state of the package, held still while its inside is rebuilt; `frozen.make` writes them."""
