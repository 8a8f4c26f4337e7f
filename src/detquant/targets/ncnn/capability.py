"""What ncnn's integer kernels can do (ncnn 1.0.20261020; measured on x86-64, the layers' sources say the same of Arm).

* Convolution, ConvolutionDepthWise and InnerProduct multiply int8 by int8. Weights have a scale for each output
  channel, their input has one for all of it, and no grid has a zero point.
* They read float and round it themselves, half away from zero, to codes from -127 to 127; -128 is never made, so two
  products fit the 16 bits in which Arm adds them, whatever the weights.
* They write float: nothing has a grid but what such a layer reads. Where nobody but another Convolution reads a result,
  its codes are written at once (``int8_scale_term`` 101 and 102), as the other would have rounded them.
* All else computes in float, Deconvolution too.
* Codes narrower than 8 bits are cut off by a Clip before the layer that reads them.
* Relu, LeakyReLU, Clip, HardSwish and Mish run inside the layer; SiLU is an operator behind it.
* ``.bin`` has no codes below 8 bits, but 16-bit floats.
* Winograd's F(4x4, 3x3) is of integers 576 times as large, which int32 may not hold: `detquant.targets.ncnn.winograd`.
"""

from __future__ import annotations

from detquant.numerics import Capability, up_to_eight_bits

CAPABILITY = Capability(
    name="ncnn",
    kernels=up_to_eight_bits({"Conv", "Gemm", "MatMul"}),
    fused=frozenset({"Relu", "Clip", "LeakyRelu"}),
    fused_activations=frozenset({"hardswish", "mish"}),
    symmetric=True,
    float_results=True,
)
