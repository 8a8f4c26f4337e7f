"""Kinds of files that hold a model and are not read: what they are, and which file to give instead.

Most are what a compiler or an exporter made for one runtime or one chip. detquant writes some of them itself.
"""

from __future__ import annotations

from pathlib import Path

from detquant.errors import ModelError

CAFFE = "the ONNX file that caffe2onnx makes of .prototxt and .caffemodel, or an OpenVINO IR of the same network"

KINDS = {
    ".pte": ("a program of ExecuTorch", "the ONNX file or checkpoint that it was made from"),
    ".superblob": ("compiled for the MyriadX of OAK cameras", "the ONNX file that it was compiled from"),
    ".dlc": ("compiled for a chip of Qualcomm", "the ONNX file that it was compiled from"),
    ".blob": ("compiled for the MyriadX of OAK cameras", "the ONNX file or OpenVINO IR that it was compiled from"),
    "_edgetpu.tflite": ("compiled for the Edge TPU", "the .tflite that it was compiled from"),
    "_vela.tflite": ("compiled for an Ethos-U", "the .tflite that it was compiled from"),
    ".engine": ("an engine of TensorRT, built for one GPU", "the ONNX file that it was built from"),
    ".plan": ("an engine of TensorRT, built for one GPU", "the ONNX file that it was built from"),
    ".mlmodel": ("a model of Core ML", "an ONNX export of the same network"),
    ".mlpackage": ("a model of Core ML", "an ONNX export of the same network"),
    ".mnn": ("a model of MNN", "the ONNX file that it was made from"),
    ".rknn": ("compiled for a Rockchip NPU", "the ONNX file that it was compiled from"),
    ".hef": ("compiled for a Hailo chip", "the ONNX file that it was compiled from"),
    ".caffemodel": ("weights of Caffe", CAFFE),
    ".prototxt": ("a network of Caffe, without its weights", CAFFE),
    ".torchscript": ("a program of TorchScript", "the ONNX file or checkpoint that it was made from"),
    **dict.fromkeys((".xz", ".gz", ".bz2", ".zst", ".zip", ".7z"), ("packed", "the model that is in it, unpacked")),
}
"""What a file is and what to give instead, by the end of its name."""

ARCHIVES = (".tar.xz", ".tar.gz")
"""Ends of names of packed files that `nn_archive` looks into."""

STATE, PROGRAM = "state_dict.pth", "model.pt2"


def refuse_what_is_not_read(path: Path) -> None:
    """Says what a file is that no importer reads.

    Args:
        path: path of the file, or of a folder that is a file to its runtime.

    Raises:
        ModelError: it is of such a kind.
    """
    name = path.name.lower()
    packed = name.endswith(ARCHIVES)
    for end, (kind, instead) in KINDS.items():
        if name.endswith(end) and not packed:
            raise ModelError(f"'{path}' is {kind}, which detquant does not read: give {instead}.")
    if name.endswith(".bin") and (graph := path.with_suffix(".xml")).exists():
        raise ModelError(f"'{path}' holds the weights of the OpenVINO model '{graph.name}' beside it: give that.")
    if name.endswith(".bin") and (layers := path.with_suffix(".param")).exists():
        raise ModelError(f"'{path}' holds the weights of the ncnn model '{layers.name}' beside it: give that.")
    if path.name == STATE and path.with_name(PROGRAM).exists():
        raise ModelError(
            f"'{path}' is the state of the program '{PROGRAM}' beside it, in the names of that program's layers, which "
            f"no network of detquant has: give '{PROGRAM}'."
        )
