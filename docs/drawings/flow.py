"""The way to a runtime: questions on the left, where each answer leads on the right."""

from __future__ import annotations

from drawings.svg import Drawing

START, ANSWER, PLACE = 20.0, 250.0, 560.0
ROW, TOP, TALL = 44.0, 46.0, 34.0
FLOW = (
    (
        "On a processor",
        "a",
        (
            ("nothing is decided yet", "detquant choose"),
            ("the program has a runtime", "keep that one"),
            ("Intel", "openvino beside ort"),
            ("Android, Raspberry Pi", "tflite or ncnn"),
        ),
    ),
    (
        "On an accelerator",
        "b",
        (
            ("NVIDIA: GPU or Jetson", "tensorrt"),
            ("Coral", "edgetpu"),
            ("Arm Ethos-U", "ethosu"),
            ("OAK camera (RVC2)", "oak, in FP16"),
            ("microcontroller, integer NPU", "tflite-integer"),
        ),
    ),
    ("On an FPGA or a chip", "c", (("of your own", "verilog"),)),
    ("Back in PyTorch", "c", (("to train on", "pytorch"),)),
)
"""Each question with its colour, and its answers with the place that they lead to."""


def decide() -> Drawing:
    """Where it is to run, as questions that lead to a target."""
    told = "; ".join(f"{ask}: " + ", ".join(f"{way}, {place}" for way, place in ways) for ask, _, ways in FLOW)
    height = TOP + ROW * sum(len(ways) for *_, ways in FLOW) + 4
    drawing = Drawing(740, height, "Which runtime: where it will run leads to a target", f"{told}.")
    for left, head in ((START, "Where will it run?"), (ANSWER, "What have you got?"), (PLACE, "Take")):
        drawing.words(left, 24, head, colour="muted")
    top = TOP
    for ask, colour, ways in FLOW:
        middle = top + TALL / 2
        drawing.box(START, top, 180, TALL, colour, ask)
        for place, (way, target) in enumerate(ways):
            row = top + ROW * place
            level = row + TALL / 2
            turn = (START + 180 + ANSWER) / 2
            drawing.path([(START + 180, middle), (turn, middle), (turn, level), (ANSWER, level)], colour, 1.5)
            drawing.box(ANSWER, row, 250, TALL, "faint", way)
            drawing.arrow(ANSWER + 250, level, PLACE, colour)
            drawing.box(PLACE, row, 160, TALL, colour, target)
        top += ROW * len(ways)
    return drawing
