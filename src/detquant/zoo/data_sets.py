"""The table of data sets.

COCO's page names http://images.cocodataset.org, which has no certificate of its own: https goes to the same bucket
by its name at Amazon. COCO publishes no checksums; those below were noted alike by several projects.
"""

from __future__ import annotations

from detquant.zoo._base import Entry, Source

_COCO = "https://s3.amazonaws.com/images.cocodataset.org"
_FLICKR = "The images stay under the terms that their authors chose on Flickr."

DATA_SETS: tuple[Entry, ...] = (
    Entry(
        name="coco-val2017",
        kind="data set",
        licence="Flickr terms",
        page="https://cocodataset.org/#download",
        sources=(
            Source(
                address=f"{_COCO}/zips/val2017.zip",
                megabytes=815.6,
                sha256="4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05",
            ),
        ),
        note=f"Images only: the annotations are coco-annotations-2017. {_FLICKR}",
    ),
    Entry(
        name="coco-annotations-2017",
        kind="data set",
        licence="CC-BY-4.0",
        page="https://cocodataset.org/#download",
        sources=(
            Source(
                address=f"{_COCO}/annotations/annotations_trainval2017.zip",
                megabytes=252.9,
                sha256="113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268",
            ),
        ),
    ),
    Entry(
        name="coco128",
        kind="data set",
        licence="AGPL-3.0",
        page="https://docs.ultralytics.com/datasets/detect/coco128/",
        sources=(Source(address="https://github.com/ultralytics/assets/releases/download/v0.0.0/coco128.zip"),),
        note=f"The first 128 images of COCO's train2017: to try things out, not to measure on. {_FLICKR}",
    ),
)
