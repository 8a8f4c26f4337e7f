"""The table of models.

Addresses, accuracies and licences are those of the publishers' pages. None of them publishes a full sha256; the
ones below were noted alike by several projects that fetched these addresses, or stand in the Open Model Zoo. What
was not certain is left out: whoever fetches such a file is told its sha256. Names of torchvision's files end with
the first 8 digits of theirs.
"""

from __future__ import annotations

from detquant.zoo._base import Accuracy, Entry, Source

_ULTRALYTICS = "https://github.com/ultralytics/assets/releases/download/v8.3.0"
_YOLOV8 = "https://docs.ultralytics.com/models/yolov8/"
_MEGVII = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0"
_YOLOX = "https://github.com/Megvii-BaseDetection/YOLOX/tree/main/demo/ONNXRuntime"
_RANGILYU = "https://github.com/RangiLyu/nanodet/releases/download"
_NANODET = "https://github.com/RangiLyu/nanodet"
_ALEXEYAB = "https://github.com/AlexeyAB/darknet/releases/download"
_DARKNET = "https://github.com/AlexeyAB/darknet"
_TORCHVISION = "https://download.pytorch.org/models"
_PADDLE = "https://paddledet.bj.bcebos.com/deploy/third_engine"
_PICODET = "https://github.com/PaddlePaddle/PaddleDetection/tree/release/2.4/configs/picodet"
_TFHUB = "https://storage.googleapis.com/tfhub-lite-models/tensorflow/lite-model/efficientdet"
_EFFICIENTDET = "https://ai.google.dev/edge/litert/libraries/modify/object_detection"
_LINZAER = "https://github.com/Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB"
_RESNET = "https://pytorch.org/vision/stable/models/resnet.html"

_DFINE = "https://github.com/Peterande/D-FINE"
_DFINE_FILES = "https://github.com/Peterande/storage/releases/download/dfinev1.0"
_RFDETR = "https://github.com/roboflow/rf-detr"
_RFDETR_FILES = "https://storage.googleapis.com/rfdetr"

_VAL2017 = "mAP50-95, COCO val2017"
_TOP1 = "top-1, ImageNet"

_DFINE_EXPORT = "A checkpoint: for detquant, export it to ONNX by tools/deployment/export_onnx.py of its page."
_RFDETR_EXPORT = "A checkpoint: for detquant, export it to ONNX by the package rfdetr of its page."
_INTEGERS = "The file is quantised already: it can be measured and compared, and not be quantised again."

MODELS: tuple[Entry, ...] = (
    Entry(
        name="yolov8n",
        kind="detector",
        licence="AGPL-3.0",
        page=_YOLOV8,
        sources=(
            Source(
                address=f"{_ULTRALYTICS}/yolov8n.pt",
                megabytes=6.5,
                sha256="f59b3d833e2ff32e194b5bb8e08d211dc7c5bdf144b90d2c8412c47ccfc83b36",
            ),
        ),
        accuracy=Accuracy(37.3, _VAL2017),
    ),
    Entry(
        name="yolov8s",
        kind="detector",
        licence="AGPL-3.0",
        page=_YOLOV8,
        sources=(Source(address=f"{_ULTRALYTICS}/yolov8s.pt", megabytes=22.6),),
        accuracy=Accuracy(44.9, _VAL2017),
    ),
    Entry(
        name="yolov8m",
        kind="detector",
        licence="AGPL-3.0",
        page=_YOLOV8,
        sources=(Source(address=f"{_ULTRALYTICS}/yolov8m.pt", megabytes=52.1),),
        accuracy=Accuracy(50.2, _VAL2017),
    ),
    Entry(
        name="yolov8l",
        kind="detector",
        licence="AGPL-3.0",
        page=_YOLOV8,
        sources=(Source(address=f"{_ULTRALYTICS}/yolov8l.pt", megabytes=87.8),),
        accuracy=Accuracy(52.9, _VAL2017),
    ),
    Entry(
        name="yolov8x",
        kind="detector",
        licence="AGPL-3.0",
        page=_YOLOV8,
        sources=(Source(address=f"{_ULTRALYTICS}/yolov8x.pt", megabytes=136.9),),
        accuracy=Accuracy(53.9, _VAL2017),
    ),
    Entry(
        name="yolox-nano",
        kind="detector",
        licence="Apache-2.0",
        page=_YOLOX,
        sources=(
            Source(
                address=f"{_MEGVII}/yolox_nano.onnx",
                megabytes=3.7,
                sha256="c789161ed43c8269fcd4e67c67eeeb4e80c622da2eb296a20bc6007bd18a0b7d",
            ),
        ),
        accuracy=Accuracy(25.8, _VAL2017),
    ),
    Entry(
        name="yolox-tiny",
        kind="detector",
        licence="Apache-2.0",
        page=_YOLOX,
        sources=(
            Source(
                address=f"{_MEGVII}/yolox_tiny.onnx",
                megabytes=20.2,
                sha256="427cc366d34e27ff7a03e2899b5e3671425c262ea2291f88bb942bc1cc70b0f7",
            ),
        ),
        accuracy=Accuracy(32.8, _VAL2017),
    ),
    Entry(
        name="yolox-s",
        kind="detector",
        licence="Apache-2.0",
        page=_YOLOX,
        sources=(
            Source(
                address=f"{_MEGVII}/yolox_s.onnx",
                megabytes=35.9,
                sha256="c5c2d13e59ae883e6af3b45daea64af4833a4951c92d116ec270d9ddbe998063",
            ),
        ),
        accuracy=Accuracy(40.5, _VAL2017),
    ),
    Entry(
        name="nanodet-m",
        kind="detector",
        licence="Apache-2.0",
        page=_NANODET,
        sources=(Source(address=f"{_RANGILYU}/v0.4.0/ncnn-nanodet-m.zip", megabytes=1.7),),
        accuracy=Accuracy(20.6, _VAL2017),
        note="The release has it for ncnn only: for detquant, export the checkpoint of its page to ONNX.",
    ),
    Entry(
        name="nanodet-plus-m-320",
        kind="detector",
        licence="Apache-2.0",
        page=_NANODET,
        sources=(Source(address=f"{_RANGILYU}/v1.0.0-alpha-1/nanodet-plus-m_320.onnx", megabytes=4.8),),
        accuracy=Accuracy(27.0, _VAL2017),
    ),
    Entry(
        name="nanodet-plus-m-416",
        kind="detector",
        licence="Apache-2.0",
        page=_NANODET,
        sources=(Source(address=f"{_RANGILYU}/v1.0.0-alpha-1/nanodet-plus-m_416.onnx", megabytes=4.8),),
        accuracy=Accuracy(30.4, _VAL2017),
    ),
    Entry(
        name="nanodet-plus-m-1.5x-320",
        kind="detector",
        licence="Apache-2.0",
        page=_NANODET,
        sources=(Source(address=f"{_RANGILYU}/v1.0.0-alpha-1/nanodet-plus-m-1.5x_320.onnx", megabytes=9.9),),
        accuracy=Accuracy(29.9, _VAL2017),
    ),
    Entry(
        name="nanodet-plus-m-1.5x-416",
        kind="detector",
        licence="Apache-2.0",
        page=_NANODET,
        sources=(Source(address=f"{_RANGILYU}/v1.0.0-alpha-1/nanodet-plus-m-1.5x_416.onnx", megabytes=9.9),),
        accuracy=Accuracy(34.1, _VAL2017),
    ),
    Entry(
        name="picodet-xs-320",
        kind="detector",
        licence="Apache-2.0",
        page=_PICODET,
        sources=(Source(address=f"{_PADDLE}/picodet_xs_320_coco_lcnet.onnx"),),
        accuracy=Accuracy(23.5, _VAL2017),
    ),
    Entry(
        name="picodet-xs-416",
        kind="detector",
        licence="Apache-2.0",
        page=_PICODET,
        sources=(Source(address=f"{_PADDLE}/picodet_xs_416_coco_lcnet.onnx"),),
        accuracy=Accuracy(26.2, _VAL2017),
    ),
    Entry(
        name="picodet-s-320",
        kind="detector",
        licence="Apache-2.0",
        page=_PICODET,
        sources=(Source(address=f"{_PADDLE}/picodet_s_320_coco_lcnet.onnx"),),
        accuracy=Accuracy(29.1, _VAL2017),
    ),
    Entry(
        name="picodet-s-416",
        kind="detector",
        licence="Apache-2.0",
        page=_PICODET,
        sources=(Source(address=f"{_PADDLE}/picodet_s_416_coco_lcnet.onnx"),),
        accuracy=Accuracy(32.5, _VAL2017),
    ),
    Entry(
        name="picodet-m-320",
        kind="detector",
        licence="Apache-2.0",
        page=_PICODET,
        sources=(Source(address=f"{_PADDLE}/picodet_m_320_coco_lcnet.onnx"),),
        accuracy=Accuracy(34.4, _VAL2017),
    ),
    Entry(
        name="picodet-m-416",
        kind="detector",
        licence="Apache-2.0",
        page=_PICODET,
        sources=(Source(address=f"{_PADDLE}/picodet_m_416_coco_lcnet.onnx"),),
        accuracy=Accuracy(37.5, _VAL2017),
    ),
    Entry(
        name="picodet-l-320",
        kind="detector",
        licence="Apache-2.0",
        page=_PICODET,
        sources=(Source(address=f"{_PADDLE}/picodet_l_320_coco_lcnet.onnx"),),
        accuracy=Accuracy(36.1, _VAL2017),
    ),
    Entry(
        name="picodet-l-416",
        kind="detector",
        licence="Apache-2.0",
        page=_PICODET,
        sources=(Source(address=f"{_PADDLE}/picodet_l_416_coco_lcnet.onnx"),),
        accuracy=Accuracy(39.4, _VAL2017),
    ),
    Entry(
        name="efficientdet-lite0",
        kind="detector",
        licence="Apache-2.0",
        page=_EFFICIENTDET,
        sources=(Source(address=f"{_TFHUB}/lite0/detection/metadata/1.tflite", megabytes=4.4),),
        accuracy=Accuracy(25.69, _VAL2017),
        note=_INTEGERS,
    ),
    Entry(
        name="efficientdet-lite1",
        kind="detector",
        licence="Apache-2.0",
        page=_EFFICIENTDET,
        sources=(Source(address=f"{_TFHUB}/lite1/detection/metadata/1.tflite", megabytes=5.8),),
        accuracy=Accuracy(30.55, _VAL2017),
        note=_INTEGERS,
    ),
    Entry(
        name="efficientdet-lite2",
        kind="detector",
        licence="Apache-2.0",
        page=_EFFICIENTDET,
        sources=(Source(address=f"{_TFHUB}/lite2/detection/metadata/1.tflite", megabytes=7.2),),
        accuracy=Accuracy(33.97, _VAL2017),
        note=_INTEGERS,
    ),
    Entry(
        name="ssd-mobilenet-v1-quant",
        kind="detector",
        licence="Apache-2.0",
        page="https://github.com/tensorflow/models/blob/master/research/object_detection/g3doc/tf1_detection_zoo.md",
        sources=(
            Source(
                address="https://storage.googleapis.com/download.tensorflow.org/models/tflite/"
                "coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.zip"
            ),
        ),
        note=_INTEGERS,
    ),
    Entry(
        name="yunet",
        kind="detector",
        licence="MIT",
        page="https://github.com/opencv/opencv_zoo/tree/main/models/face_detection_yunet",
        sources=(
            Source(
                address="https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/face_detection_yunet/"
                "face_detection_yunet_2023mar.onnx",
                megabytes=0.23,
                sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
            ),
        ),
        accuracy=Accuracy(75.03, "AP50, WIDER Face, hard"),
    ),
    Entry(
        name="ultraface-rfb-320",
        kind="detector",
        licence="MIT",
        page=_LINZAER,
        sources=(
            Source(
                address="https://raw.githubusercontent.com/Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB/master/"
                "models/onnx/version-RFB-320_simplified.onnx",
                megabytes=1.1,
                sha256="faf6740b495e8b9508e6fda11e8c0368bbdde01143e8f0a3e511d0892c4d794e",
            ),
        ),
        accuracy=Accuracy(43.8, "AP50, WIDER Face, hard, 320x240"),
    ),
    Entry(
        name="ssd-mobilenet-v1",
        kind="detector",
        licence="Apache-2.0",
        page="https://github.com/tensorflow/models/blob/master/research/object_detection/g3doc/tf1_detection_zoo.md",
        sources=(
            Source(
                # The page writes http; the same host answers https.
                address="https://download.tensorflow.org/models/object_detection/"
                "ssd_mobilenet_v1_coco_2018_01_28.tar.gz",
                megabytes=76.5,
                sha256="8788f89108519fd1102b8a5c2ac861cf6d86603571b6ce5bbd1c245b7fe005e3",
            ),
        ),
        accuracy=Accuracy(21.0, "mAP50-95, COCO, a part of val2014"),
    ),
    Entry(
        name="yolov4",
        kind="detector",
        licence="Unlicense",
        page=_DARKNET,
        sources=(
            Source(address=f"{_ALEXEYAB}/darknet_yolo_v3_optimal/yolov4.cfg"),
            Source(
                address=f"{_ALEXEYAB}/darknet_yolo_v3_optimal/yolov4.weights",
                megabytes=258.0,
                sha256="e8a4f6c62188738d86dc6898d82724ec0964d0eb9d2ae0f0a9d53d65d108d562",
            ),
        ),
        accuracy=Accuracy(43.5, "mAP50-95, COCO test-dev, 608x608"),
    ),
    Entry(
        name="yolov4-tiny",
        kind="detector",
        licence="Unlicense",
        page=_DARKNET,
        sources=(
            Source(address="https://raw.githubusercontent.com/AlexeyAB/darknet/master/cfg/yolov4-tiny.cfg"),
            Source(
                address=f"{_ALEXEYAB}/darknet_yolo_v4_pre/yolov4-tiny.weights",
                megabytes=24.3,
                sha256="cf9fbfd0f6d4869b35762f56100f50ed05268084078805f0e7989efe5bb8ca87",
            ),
        ),
        accuracy=Accuracy(40.2, "mAP50, COCO"),
    ),
    Entry(
        name="d-fine-n",
        kind="detector",
        licence="Apache-2.0",
        page=_DFINE,
        sources=(Source(address=f"{_DFINE_FILES}/dfine_n_coco.pth"),),
        accuracy=Accuracy(42.8, _VAL2017),
        note=_DFINE_EXPORT,
    ),
    Entry(
        name="d-fine-s",
        kind="detector",
        licence="Apache-2.0",
        page=_DFINE,
        sources=(Source(address=f"{_DFINE_FILES}/dfine_s_coco.pth"),),
        accuracy=Accuracy(48.5, _VAL2017),
        note=_DFINE_EXPORT,
    ),
    Entry(
        name="d-fine-m",
        kind="detector",
        licence="Apache-2.0",
        page=_DFINE,
        sources=(Source(address=f"{_DFINE_FILES}/dfine_m_coco.pth"),),
        accuracy=Accuracy(52.3, _VAL2017),
        note=_DFINE_EXPORT,
    ),
    Entry(
        name="d-fine-l",
        kind="detector",
        licence="Apache-2.0",
        page=_DFINE,
        sources=(Source(address=f"{_DFINE_FILES}/dfine_l_coco.pth"),),
        accuracy=Accuracy(54.0, _VAL2017),
        note=_DFINE_EXPORT,
    ),
    Entry(
        name="d-fine-x",
        kind="detector",
        licence="Apache-2.0",
        page=_DFINE,
        sources=(Source(address=f"{_DFINE_FILES}/dfine_x_coco.pth"),),
        accuracy=Accuracy(55.8, _VAL2017),
        note=_DFINE_EXPORT,
    ),
    Entry(
        name="rf-detr-nano",
        kind="detector",
        licence="Apache-2.0",
        page=_RFDETR,
        sources=(Source(address=f"{_RFDETR_FILES}/nano_coco/checkpoint_best_regular.pth"),),
        accuracy=Accuracy(48.4, _VAL2017),
        note=_RFDETR_EXPORT,
    ),
    Entry(
        name="rf-detr-small",
        kind="detector",
        licence="Apache-2.0",
        page=_RFDETR,
        sources=(Source(address=f"{_RFDETR_FILES}/small_coco/checkpoint_best_regular.pth"),),
        accuracy=Accuracy(53.0, _VAL2017),
        note=_RFDETR_EXPORT,
    ),
    Entry(
        name="rf-detr-medium",
        kind="detector",
        licence="Apache-2.0",
        page=_RFDETR,
        sources=(Source(address=f"{_RFDETR_FILES}/medium_coco/checkpoint_best_regular.pth"),),
        accuracy=Accuracy(54.7, _VAL2017),
        note=_RFDETR_EXPORT,
    ),
    Entry(
        name="rf-detr-large",
        kind="detector",
        licence="Apache-2.0",
        page=_RFDETR,
        sources=(Source(address=f"{_RFDETR_FILES}/rf-detr-large-2026.pth"),),
        accuracy=Accuracy(56.5, _VAL2017),
        note=_RFDETR_EXPORT,
    ),
    Entry(
        name="resnet18",
        kind="classifier",
        licence="BSD-3-Clause",
        page=_RESNET,
        sources=(
            Source(
                address=f"{_TORCHVISION}/resnet18-f37072fd.pth",
                megabytes=46.8,
                sha256="f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
                sha256_start="f37072fd",
            ),
        ),
        accuracy=Accuracy(69.758, _TOP1),
    ),
    Entry(
        name="resnet50",
        kind="classifier",
        licence="BSD-3-Clause",
        page=_RESNET,
        sources=(
            Source(
                address=f"{_TORCHVISION}/resnet50-0676ba61.pth",
                megabytes=102.5,
                sha256="0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a",
                sha256_start="0676ba61",
            ),
        ),
        accuracy=Accuracy(76.13, _TOP1),
    ),
    Entry(
        name="resnet50-v2",
        kind="classifier",
        licence="BSD-3-Clause",
        page=_RESNET,
        sources=(Source(address=f"{_TORCHVISION}/resnet50-11ad3fa6.pth", sha256_start="11ad3fa6"),),
        accuracy=Accuracy(80.858, _TOP1),
    ),
)
