"""Info.plist, the same for the thin and the frozen app."""

from typing import Any

import core

IDENTIFIER = "org.hone-app.Hone"
MINIMUM_SYSTEM = "14.0"

# What a double click or a drop on the icon may bring, as (name, uniform type identifiers, rank among other apps).
DOCUMENTS = [
    ("Dataset", ["org.jsonlines.jsonl", "public.json", "org.apache.parquet"], "Alternate"),
    ("Table", ["public.comma-separated-values-text", "public.tab-separated-values-text"], "Alternate"),
    # A run is a plain folder with a run.toml in it, which no type can say. As an alternate for folders, Hone is offered
    # under "Open With" and takes what is dropped on its icon; the Finder goes on opening them.
    ("Run or model folder", ["public.folder"], "Alternate"),
    ("Description of a run", ["public.toml"], "Alternate"),
]
# Types that macOS itself does not know: (identifier, name, what it is a kind of, extensions, MIME type).
IMPORTED_TYPES = [
    ("org.jsonlines.jsonl", "JSON Lines", ["public.text", "public.data"], ["jsonl", "ndjson"], "application/jsonl"),
    ("org.apache.parquet", "Parquet table", ["public.data"], ["parquet"], "application/vnd.apache.parquet"),
    ("public.toml", "TOML", ["public.text"], ["toml"], "application/toml"),
]


def info(executable: str = "Hone", icon: str = "Hone.icns") -> dict[str, Any]:
    """The property list as plistlib writes it, for the program Contents/MacOS/`executable`."""
    return {
        "CFBundleIdentifier": IDENTIFIER,
        "CFBundleName": "Hone",
        "CFBundleDisplayName": "Hone",
        "CFBundleExecutable": executable,
        "CFBundleIconFile": icon,
        "CFBundlePackageType": "APPL",
        "CFBundleSignature": "????",
        "CFBundleInfoDictionaryVersion": "6.0",
        "CFBundleDevelopmentRegion": "en",
        "CFBundleShortVersionString": core.__version__,
        "CFBundleVersion": core.__version__,
        "CFBundleDocumentTypes": [
            {"CFBundleTypeName": name, "CFBundleTypeRole": "Viewer", "LSItemContentTypes": types, "LSHandlerRank": rank}
            for name, types, rank in DOCUMENTS
        ],
        "UTImportedTypeDeclarations": [
            {
                "UTTypeIdentifier": identifier,
                "UTTypeDescription": name,
                "UTTypeConformsTo": kinds,
                "UTTypeTagSpecification": {"public.filename-extension": extensions, "public.mime-type": [mime]},
            }
            for identifier, name, kinds, extensions, mime in IMPORTED_TYPES
        ],
        "LSApplicationCategoryType": "public.app-category.developer-tools",
        "LSMinimumSystemVersion": MINIMUM_SYSTEM,
        # A script has no architecture of its own: without these two, macOS would offer to install Rosetta for it.
        "LSArchitecturePriority": ["arm64"],
        "LSRequiresNativeExecution": True,
        "LSMultipleInstancesProhibited": True,
        "NSHighResolutionCapable": True,
        "NSSupportsAutomaticGraphicsSwitching": True,
        "NSPrincipalClass": "NSApplication",
        "NSHumanReadableCopyright": "Copyright the Hone developers. Apache License 2.0.",
        # Shown when macOS asks whether Hone may read there; it does so only for what a person opens in it.
        **{
            f"NS{place}UsageDescription": "Hone reads the datasets and models that you open from there."
            for place in ("DesktopFolder", "DocumentsFolder", "DownloadsFolder", "RemovableVolumes", "NetworkVolumes")
        },
    }
