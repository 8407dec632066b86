"""What the disk image shows when it is opened: Hone, and a link to Applications to drag it to. Read by dmgbuild."""

app = defines["app"]  # noqa: F821  (dmgbuild gives it)
files = [app]
symlinks = {"Applications": "/Applications"}
icon_locations = {"Hone.app": (150, 190), "Applications": (450, 190)}
window_rect = ((200, 200), (600, 400))
background = "builtin-arrow"
icon_size = 112
text_size = 13
format = "ULMO"
