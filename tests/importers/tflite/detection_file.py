"""`detect.tflite`: an SSD with TFLite_Detection_PostProcess behind it, put together from a file without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from flatbuffers import Builder, flexbuffers

OPTIONS: dict[str, int | float | bool] = {
    "max_detections": 10,
    "max_classes_per_detection": 1,
    "detections_per_class": 100,
    "use_regular_nms": True,
    "nms_score_threshold": 1e-8,
    "nms_iou_threshold": 0.6,
    "num_classes": 90,
    "y_scale": 10.0,
    "x_scale": 10.0,
    "h_scale": 5.0,
    "w_scale": 5.0,
}


def with_detection(
    source: Path, path: Path, boxes: tuple[int, ...], classes: tuple[int, ...], anchors: np.ndarray, **options: Any
) -> Path:
    """Appends the operator to a file whose outputs of these shapes are codes and scores.

    Args:
        source: a .tflite file.
        path: of the file to write.
        boxes: shape of the codes.
        classes: shape of the scores.
        anchors: y, x, height, width [anchors, 4] in parts of the image.
        options: in place of OPTIONS.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(source.read_bytes(), 0)
    [graph] = model.subgraphs
    shapes = {tuple(int(size) for size in graph.tensors[index].shape): index for index in graph.outputs}

    def tensor(name: str, shape: list[int], buffer: int = 0) -> int:
        made = schema.TensorT()
        made.name, made.shape, made.type, made.buffer = name, shape, schema.TensorType.FLOAT32, buffer
        graph.tensors.append(made)
        return len(graph.tensors) - 1

    data = schema.BufferT()
    data.data = np.frombuffer(anchors.astype(np.float32).tobytes(), np.uint8)
    model.buffers.append(data)
    code = schema.OperatorCodeT()
    code.builtinCode = schema.BuiltinOperator.CUSTOM
    code.deprecatedBuiltinCode = int(schema.BuiltinOperator.CUSTOM)
    code.customCode, code.version = "TFLite_Detection_PostProcess", 1
    model.operatorCodes.append(code)
    settings = OPTIONS | options
    limit = int(settings["max_detections"])
    operator = schema.OperatorT()
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs = [shapes[boxes], shapes[classes], tensor("anchors", list(anchors.shape), len(model.buffers) - 1)]
    outputs = {"": [1, limit, 4], ":1": [1, limit], ":2": [1, limit], ":3": [1]}
    operator.outputs = [tensor(f"TFLite_Detection_PostProcess{end}", shape) for end, shape in outputs.items()]
    operator.customOptions = np.frombuffer(bytes(flexbuffers.Dumps(settings)), np.uint8)
    graph.operators.append(operator)
    graph.outputs = operator.outputs
    model.signatureDefs = []
    builder = Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path
