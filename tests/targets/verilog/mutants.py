"""Faults put into the RTL, one at a time: file, what stands there, what is put in its place.

Each is a fault that somebody who builds such an engine has made, or nearly.
"""

from __future__ import annotations

MUTANTS = {
    "padding of a pooling is skipped": (
        "dq_engine.sv",
        "assign codes = tag_pad ? {ICP{header[183:176]}} : read_codes;",
        "assign codes = tag_pad ? '0 : read_codes;",
    ),
    "left border one column off": ("dq_walk.sv", "ix >= 0 &&", "ix >= -1 &&"),
    "right border one column off": ("dq_walk.sv", "ix < $signed({2'b00, width})", "ix <= $signed({2'b00, width})"),
    "lower border one row off": ("dq_walk.sv", "iy < $signed({2'b00, height})", "iy < $signed({2'b00, height}) - 1"),
    "stride down is the stride right": ("dq_walk.sv", "{10'd0, stride_down}", "{10'd0, stride_right}"),
    "dilation is left out": ("dq_walk.sv", "ix + $signed({10'd0, dilation_right})", "ix + 18'sd1"),
    "the window's rows begin where they ended": ("dq_walk.sv", "iy <= ky_last ? y0 :", "iy <= ky_last ? iy :"),
    "a segment begins at the first one's base": ("dq_walk.sv", "base[segment+1'b1]", "base[0]"),
    "enlargement is left out of the columns": (
        "dq_walk.sv",
        "column1 <= PLACE'(ix[15:0] >> shift[segment]);",
        "column1 <= PLACE'(ix[15:0]);",
    ),
    "segments stand still in diagonal instructions": (
        "dq_walk.sv",
        "assign moves = diagonal &&",
        "assign moves = 0 &&",
    ),
    "half is not added before the shift": ("dq_requantise.sv", "(total4 + half4) >>> shift4", "total4 >>> shift4"),
    "a shift without the sign": ("dq_requantise.sv", ">>> shift4", ">> shift4"),
    "saturation before the zero point": (
        "dq_requantise.sv",
        "if (shifted5 + zero_wide < low_wide)",
        "if (shifted5 < low_wide)",
    ),
    "no saturation at the upper end": (
        "dq_requantise.sv",
        "else if (shifted5 + zero_wide > high_wide)",
        "else if (1'b0)",
    ),
    "the shift comes from the neighbouring bits": ("dq_requantise.sv", "own[6+:MULTIPLIER]", "own[5+:MULTIPLIER]"),
    "one beat's parameters for all": ("dq_requantise.sv", ".which(place)", ".which('0)"),
    "the first map of a sum is forgotten": ("dq_requantise.sv", "(pair ? held[place3] : '0)", "'0"),
    "tables begin at code zero": (
        "dq_requantise.sv",
        "{!code6[LOG_ENTRIES-1], code6[LOG_ENTRIES-2:0]}",
        "code6",
    ),
    "the table of the next instruction": ("dq_requantise.sv", "done && looked_up", "done"),
    "accumulators are not cleared": ("dq_mac.sv", "(firsts[STAGES+1] ? '0 : total)", "total"),
    "weights without a sign": (
        "dq_mac.sv",
        "$signed(weights[WEIGHT*(o*ICP+i)+:WEIGHT])",
        "$signed({1'b0, weights[WEIGHT*(o*ICP+i)+:WEIGHT]})",
    ),
    "the adder tree leaves out a product": ("dq_mac.sv", " + nodes[FROM+4*i+3]", ""),
    "tiles are used for one place only": ("dq_tiles.sv", "take_last && !take_end ? tile : after", "after"),
    "a full ring is written to": (
        "dq_tiles.sv",
        "assign word_ready = (head ^ tile) !=",
        "assign word_ready = 1'b1 || (head ^ tile) !=",
    ),
    "the smallest of a window": ("dq_lanes.sv", "first || wide > held", "first || wide < held"),
    "a maximum that remembers the place before": ("dq_lanes.sv", "first || wide > held", "wide > held"),
    "the second zero point is the first": ("dq_lanes.sv", "{zero_second[7], zero_second}", "{zero[7], zero}"),
    "a word is written whole": ("dq_writer.sv", "strobe[LANES*b+:LANES] = '1;", "strobe = '1;"),
    "the next group begins one word on": ("dq_writer.sv", "group_base + place + 1'b1", "group_base + place"),
    "done before the last word is written": (
        "dq_writer.sv",
        "if (finishing && write_valid && write_ready) begin",
        "if (finishing) begin",
    ),
    "queues hold one word too many": ("dq_fifo.sv", "assign in_ready  =", "assign in_ready = 1'b1 ||"),
    "the next instruction begins before the end": (
        "dq_sequencer.sv",
        "busy && complete && !active",
        "busy && complete",
    ),
}
