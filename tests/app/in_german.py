"""A plugin of pytest: the window speaks German in these tests, from the first import on."""

from app.desktop import language

language.use("de")
