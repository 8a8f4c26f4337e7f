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

HEAD_MUTANTS = {
    "a threshold that is not reached by its own code": (
        "dq_head_pairs.sv",
        "is_class && code >= threshold",
        "is_class && code > threshold",
    ),
    "lanes beyond the classes count": ("dq_head_pairs.sv", "is_class && code >= threshold", "code >= threshold"),
    "codes without a sign at the threshold": (
        "dq_head_pairs.sv",
        "is_class && code >= threshold",
        "is_class && $unsigned(code) >= $unsigned(threshold)",
    ),
    "the image ends with a word that has a pair": ("dq_head_pairs.sv", " || word_last && is_last", ""),
    "the image ends with the first pair of its last word": (
        "dq_head_pairs.sv",
        "pair_last <= last1 && rest == '0;",
        "pair_last <= last1;",
    ),
    "a word is taken before its pairs are": ("dq_head_pairs.sv", "rest == '0 && (", "("),
    "a pair is changed while it waits": ("dq_head_pairs.sv", "!pair_valid || pair_ready", "1'b1"),
    "classes begin anew in each word": ("dq_head_pairs.sv", "class1 + CLASS'(k)", "CLASS'(k)"),
    "the last group of classes is left out": (
        "dq_head_walk.sv",
        "32'(step_class) + ICP >=",
        "32'(step_class) + 2 * ICP >",
    ),
    "classes are counted on over the levels": (
        "dq_head_walk.sv",
        "group_last ? '0 : step_class + CLASS'(ICP)",
        "step_class + CLASS'(ICP)",
    ),
    "levels lie behind one another": (
        "dq_head_walk.sv",
        "step_address <= class_bases[ADDRESS*next_level+:ADDRESS];",
        "",
    ),
    "rows end where columns do": ("dq_head_walk.sv", "step_row + 1'b1 == rows[", "step_row + 1'b1 == columns["),
    "the walk does not end": ("dq_head_walk.sv", "if (level_last) step_valid <= 1'b0;", ""),
    "the places of another head": ("dq_head_candidates.sv", "count == capacity", "count == INDEX'(PLACES)"),
    "candidates of equal codes in the order in which they came": (
        "dq_head_candidates.sv",
        "reaches && pair > root",
        "reaches && pair[KEY-1-:BITS] > root[KEY-1-:BITS]",
    ),
    "the largest cell first": ("dq_head_candidates.sv", "~pair_cell", "pair_cell"),
    "those left out of the image before": (
        "dq_head_candidates.sv",
        "if (reaches) left_out <= left_out + 1'b1;",
        "if (reaches && pair > root) left_out <= left_out + 1'b1;",
    ),
    "columns of a finer level": ("dq_head_fetch.sv", "columns[SIZE*level+:SIZE]", "columns[0+:SIZE]"),
    "words of a finer level's planes": ("dq_head_fetch.sv", "planes[ADDRESS*level+:ADDRESS]", "planes[0+:ADDRESS]"),
    "distances of the first level": ("dq_head_fetch.sv", "side_bases[ADDRESS*level+:", "side_bases[0+:"),
    "a word of a cell too few": ("dq_head_fetch.sv", "32'(word) == WORDS - 1", "32'(word) == WORDS - 2"),
    "the queue of cells is written to though it is full": (
        "dq_head_fetch.sv",
        "state == TAKE && (tag_ready || goes)",
        "state == TAKE",
    ),
    "the end goes where there are detections enough": ("dq_head_fetch.sv", "enough && !found_end", "enough"),
    "all go before there are detections enough": ("dq_head_suppression.sv", "count == limit", "count + 1'b1 == limit"),
    "a cell's last word stays": (
        "dq_head_boxes.sv",
        "code_taken && (is_last || 32'(lane) == ICP - 1)",
        "code_taken && 32'(lane) == ICP - 1",
    ),
    "the next cell's codes begin too soon": ("dq_head_boxes.sv", "!tag_end && !fed", "!tag_end"),
    "three sides make a box": ("dq_head_boxes.sv", "side == 2'd3", "side == 2'd2"),
    "the end overtakes the last box": ("dq_head_boxes.sv", "!waits && tag_valid && tag_end", "tag_valid && tag_end"),
    "rows and columns are one another": ("dq_head_boxes.sv", ".column(column)", ".column(row)"),
    "strides of the first level": ("dq_head_boxes.sv", "log_strides[3*level+:3]", "log_strides[2:0]"),
    "exponentials of the first level": ("dq_head_boxes.sv", ".code_level(level)", ".code_level('0)"),
    "half a cell is left out": ("dq_head_corners.sv", "8'h80", "8'h00"),
    "a corner is cut off": ("dq_head_corners.sv", "(scaled + PIXELS'(8)) >>> 4", "scaled >>> 4"),
    "a distance is cut off": ("dq_head_distances.sv", "+ (DIVISOR + QUOTIENT)'(sum)", ""),
    "the largest code of the side before": ("dq_head_distances.sv", "bin == '0 || code > top", "code > top"),
    "boxes of all classes cover each other": ("dq_head_suppression.sv", "valid[5] && same5 &&", "valid[5] &&"),
    "an equal overlap covers": ("dq_head_suppression.sv", "8'd0} > scaled5", "8'd0} >= scaled5"),
    "the newest box is not compared": (
        "dq_head_suppression.sv",
        "place + 1'b1 == count",
        "place + 1'b1 == count - 1'b1",
    ),
    "the code of the box that comes next": (
        "dq_head.sv",
        "if (box_valid && box_ready) kept_code",
        "kept_code",
    ),
    "a score that nobody has taken is gone": (
        "dq_head.sv",
        "assign kept_ready  = found_ready && found_valid;",
        "assign kept_ready = found_valid;",
    ),
    "the head begins before its tables are there": (
        "dq_head.sv",
        "assign begins = awaited && loaded;",
        "assign begins = awaited;",
    ),
    "the program's and the head's reads at a time": (
        "dq_detector.sv",
        "ask_address = heading ?",
        "ask_address = !heading ?",
    ),
    "the exponentials of a level too few": ("dq_head_settings.sv", "place == 9'd255", "place == 9'd254"),
    "a row of settings that belongs to the next level": (
        "dq_head_settings.sv",
        "class_bases[ADDRESS*level+:ADDRESS] <=",
        "class_bases[0+:ADDRESS] <=",
    ),
}
"""Likewise, of the head behind the engine."""
