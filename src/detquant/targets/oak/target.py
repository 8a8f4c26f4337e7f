"""OAK cameras of Luxonis with a MyriadX (RVC2): ONNX in half precision, and the NN Archive of it.

What the facts rest on (Luxonis documentation, "NN Archive" and "RVC2"; OpenVINO 2022.1, MYRIAD plugin):

* The chip computes in float16 only.
* Its last compiler is of OpenVINO 2022.1, which reads ONNX of opset 13, and no IR of a newer OpenVINO.
* DepthAI decodes YOLOv8 on the camera from a map for each stride, see `detquant.families.yolov8_maps`.

There is no camera here: ONNX Runtime stands in, which rounds weights and activations to float16 as the chip does.
"""

from __future__ import annotations

import onnx
import onnx_ir as ir

from detquant.families import Family, find_family
from detquant.families.yolov8_maps import YOLOv8Maps
from detquant.graph.half_precision import to_half
from detquant.graph.lower_opset import lower_opset
from detquant.graph.running import OrtRunner, as_bytes
from detquant.importers.signature import signature_of
from detquant.numerics import Capability
from detquant.targets._base import Arrays, Artefact, Target
from detquant.targets.oak.blob import compile_blob
from detquant.targets.oak.nn_archive import nn_archive, parser_of
from detquant.targets.oak.yolov8_maps import with_maps

MODEL, ARCHIVE, BLOB = "model.onnx", "model.tar.xz", "model.blob"


class Oak(Target):
    """OAK-D and its relatives, RVC2."""

    name = "oak"
    title = "OAK cameras (MyriadX): FP16 ONNX and NN Archive; ONNX Runtime stands in"
    extra = None
    package = "depthai"
    precisions = ("fp16",)
    writes = (MODEL, ARCHIVE, BLOB)
    capability = Capability(name="oak", kernels={})
    float_only = "the MyriadX in OAK cameras computes in FP16 only"
    runs_here = False

    def lower(self, qdq: ir.Model) -> Artefact:
        """``model.onnx`` and ``model.tar.xz``, the archive of it.

        Raises:
            ModelError: a weight is too large for half precision.
            UnsupportedOperator: one that opset 13 does not have.
        """
        family, _ = find_family(signature_of(qdq, qdq.metadata_props))
        decodes = family.name == "yolov8" or (isinstance(family, YOLOv8Maps) and not family.is_for_oak)
        model = (with_maps(qdq, family.num_classes) if decodes else None) or qdq
        signature = signature_of(model, model.metadata_props)
        family, _ = find_family(signature)
        content = as_bytes(lower_opset(to_half(model)))
        return Artefact({MODEL: content, ARCHIVE: nn_archive(MODEL, content, family, signature)})

    def lower_float(self, model: ir.Model, precision: str) -> Artefact:
        """The files of a float graph, as `lower` makes them: there is no other precision."""
        self.require(precision)
        return self.lower(model)

    def decoded_by(self, artefact: Artefact, family: Family) -> Family:
        """The family that the file tells: YOLOv8 gives its maps apart."""
        model = ir.from_proto(onnx.load_from_string(artefact.files[MODEL]))
        found, _ = find_family(signature_of(model, model.metadata_props))
        return found

    def finish(self, artefact: Artefact, family: Family, image: Arrays) -> tuple[Artefact, tuple[str, ...]]:
        """The blob, where blobconverter is installed; else how to make it."""
        blob, told = compile_blob(MODEL, artefact.files[MODEL], family.form)
        parser = parser_of(self.decoded_by(artefact, family))
        decoded = (
            f"DepthAI decodes it: parser {parser}."
            if parser
            else f"DepthAI has no parser for {family.name}: decode its outputs on the host; the archive says the rest."
        )
        files = {**artefact.files, **({BLOB: blob} if blob else {})}
        return Artefact(files), (self.stand_in(), decoded, told)

    def stand_in(self) -> str:
        """A sentence that says that another runtime stood in for the camera."""
        return "The camera's chip was not run: the same FP16 graph ran in ONNX Runtime on this machine."

    def open(self, artefact: Artefact, threads: int = 1) -> OrtRunner:
        """The same graph, opened in ONNX Runtime."""
        return OrtRunner(artefact.files[MODEL], threads)
