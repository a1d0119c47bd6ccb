"""Speed, measured as ratios in one run against named rivals at equal accuracy: `python -m benchmarks SUITE`."""
