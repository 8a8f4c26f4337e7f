"""What LiteRT's integer kernels can do (LiteRT 2.3; the TFLite quantisation specification says the same).

* Codes are int8. A uint8 grid of the plan is the same grid with its zero point moved by 128, so nothing is lost.
* Codes of 16 bits, in int16 around zero, run beside int8 weights and int64 biases, in kernels that XNNPACK lacks: they
  are slow on CPUs, and there for NPUs.
* LOGISTIC and TANH write one grid each, 1/256 and 1/128 wide, of 16 bits 1/32768, and refuse every other.
* AVERAGE_POOL_2D, like MAX_POOL_2D, CONCATENATION and all that moves codes, writes on the grid that it reads.
* A convolution takes RELU, RELU6 and the like into its own requantisation, a TRANSPOSE_CONV of the version that older
  runtimes know does not: there bounds cut codes off; LEAKY_RELU is an operator of its own.
* CONV_2D, DEPTHWISE_CONV_2D and TRANSPOSE_CONV take a scale for each channel.
* SiLU is LOGISTIC and MUL, both in 8 bits.
* An integer kernel with weights writes 8 bits; float readers behind it need a DEQUANTIZE.
* CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED take int8 weights beside a float map and round it as they run; the
  depthwise one needs a scale for each channel.
* LiteRT's own kernels read filters of int4 too, with equal results in equal time. XNNPACK, which runs by default, does
  not: the embedded detector took 3.2 times as long and gave other boxes. So files hold int8.
* Codes narrower than 8 bits are cut off by MAXIMUM and MINIMUM behind each kernel.
* Products of 8-bit codes are widened before they are added (XNNPACK, ruy): no pair can overflow.
"""

from __future__ import annotations

from detquant.numerics import USUAL_OPS, Capability, up_to_eight_bits

SIXTEEN = 16
CAPABILITY = Capability(
    name="tflite",
    kernels=up_to_eight_bits(USUAL_OPS | {"ConvTranspose", "Mul", "Pad", "Sigmoid", "Sub", "Tanh"}, more={SIXTEEN}),
    symmetric_bits=frozenset({SIXTEEN}),
    dynamic_ops=frozenset({"Conv", "Gemm", "MatMul"}),
    fused=frozenset({"Relu", "Clip"}),
    fused_after_add=frozenset({"Relu", "Clip"}),
    activation_steps=frozenset({"silu"}),
    keeps_grid=frozenset({"AveragePool"}),
    fixed_ranges={
        ("Sigmoid", 8): (0.0, 255 / 256),
        ("Tanh", 8): (-1.0, 127 / 128),
        ("Sigmoid", SIXTEEN): (0.0, 32767 / 32768),
        ("Tanh", SIXTEEN): (-32767 / 32768, 32767 / 32768),
    },
)
