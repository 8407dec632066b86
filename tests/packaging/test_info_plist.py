"""The property list of the app: it can be written, and declares the types it names."""

import plistlib

import info_plist

import core


def test_it_is_a_property_list() -> None:
    info = plistlib.loads(plistlib.dumps(info_plist.info()))
    assert info["CFBundleShortVersionString"] == core.__version__
    assert info["LSMinimumSystemVersion"] == "14.0"


def test_types_that_macos_does_not_know_are_declared() -> None:
    info = info_plist.info()
    used = {t for document in info["CFBundleDocumentTypes"] for t in document["LSItemContentTypes"]}
    declared = {t["UTTypeIdentifier"] for t in info["UTImportedTypeDeclarations"]}
    # These are in Apple's list of system-declared uniform type identifiers.
    system = {"public.json", "public.folder", "public.comma-separated-values-text", "public.tab-separated-values-text"}
    assert used == declared | system
