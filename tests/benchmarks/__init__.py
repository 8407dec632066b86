"""Figures, made by hand. Importing core first lets OpenBLAS load before MLX, as it does for people."""

import core as core
