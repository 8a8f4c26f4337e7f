"""Scenes: detquant's embedded detection data set, made of numbers alone.

Ten shapes, some alike, in any colour, texture, light and size, among things that are none of them; see
`contact_sheet`. A scene depends on its split, its index and the seed only.
"""

from __future__ import annotations

from detquant.data.scenes.crops import crop, crops
from detquant.data.scenes.embedded import is_scene, open_crops, open_scenes, read_scene, scene_path
from detquant.data.scenes.export import export_scenes
from detquant.data.scenes.layout import CLASSES, SIZE, Layout, layout
from detquant.data.scenes.scene import Scene, scene
from detquant.data.scenes.sheet import contact_sheet
from detquant.data.scenes.streams import PAINT, SPLITS, Split

__all__ = [
    "CLASSES",
    "PAINT",
    "SIZE",
    "SPLITS",
    "Layout",
    "Scene",
    "Split",
    "contact_sheet",
    "crop",
    "crops",
    "export_scenes",
    "is_scene",
    "layout",
    "open_crops",
    "open_scenes",
    "read_scene",
    "scene",
    "scene_path",
]
