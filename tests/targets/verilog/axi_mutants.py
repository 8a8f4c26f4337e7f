"""Faults put into the AXI wrapper, one at a time: file, what stands there, what is put in its place."""

from __future__ import annotations

MUTANTS = {
    "reads do not wait for the writes before them": (
        "dq_axi_run.sv",
        "draining || (barrier && !writes_quiet)",
        "draining",
    ),
    "the end does not wait for the last answers": ("dq_axi_run.sv", "if (quiet) begin", "if (1'b1) begin"),
    "an error does not end the run": ("dq_axi_run.sv", "if (!idle) state <= DRAIN;", ""),
    "a run begins while an error stands": ("dq_axi_run.sv", "wants && !refused && !misaligned", "wants && !misaligned"),
    "a base of no page is taken": ("dq_axi_run.sv", "wants && !refused && !misaligned", "wants && !refused"),
    "bursts of maps cross 4 KiB": ("dq_axi_map_reads.sv", "INSIDE'(ask_address) != '0 &&", ""),
    "bursts of maps have no end": ("dq_axi_map_reads.sv", "32'(length) != (1 << LOG_BURST) - 1", "1'b1"),
    "a burst is longer than what was asked for": ("dq_axi_map_reads.sv", "&& !(take && longer)", ""),
    "an address is taken back": ("dq_axi_map_reads.sv", "if (arready) arvalid", "arvalid"),
    "a write's data is taken back": ("dq_axi_map_writes.sv", "(!wvalid || wready) &&", ""),
    "errors of writes are not seen": ("dq_axi_map_writes.sv", "bvalid && bresp[1]", "1'b0"),
    "writes without strobes": ("dq_axi_map_writes.sv", "wstrb <= write_strobe", "wstrb <= '1"),
    "a reader asks for more than it has room for": ("dq_axi_reader.sv", "room >= burst", "1'b1"),
    "the last, shorter beat is not read": (
        "dq_axi_reader.sv",
        "+ 32'(|bytes[LOG_BYTES-1:0])",
        "",
    ),
    "bytes behind a stream's end are given": ("dq_axi_reader.sv", "whole_valid && !ended", "whole_valid"),
    "a beat is put over bytes that are kept": ("dq_axi_rows.sv", "k == 32'(left) + j", "k == j"),
    "a beat is taken that has no room": ("dq_axi_rows.sv", "32'(left) < TAKEN", "1'b1"),
    "beats go to the first reader": ("dq_axi_arbiter.sv", "rvalid && 32'(owner) == k", "rvalid && k == 0"),
    "one reader is never served": ("dq_axi_arbiter.sv", "turn <= 2 * COUNT", "turn < COUNT"),
    "the count of detections goes on": ("dq_axi_found.sv", "if (start || rst) begin", "if (rst) begin"),
    "all detections lie in one place": ("dq_axi_found.sv", "(ADDRESS'(count) << 4)", "ADDRESS'(0)"),
    "WLAST at the first beat": (
        "dq_axi_found.sv",
        "assign wlast = 32'(beat) == BEATS - 1;",
        "assign wlast = beat == '0;",
    ),
    "the end of detections is one": ("dq_axi_found.sv", "found_ready && !found_end", "found_ready"),
    "an image begins anywhere": ("dq_axi_pixels.sv", "seeking  <= 1'b1", "seeking  <= 1'b0"),
    "the next line of a folded word begins anew": (
        "dq_axi_pixels.sv",
        "row_lane <= py_last ? '0 : next_lane",
        "row_lane <= '0",
    ),
    "colours in the order of the stream": ("dq_axi_pixels.sv", "8*order[2*channel+:2]", "8*channel"),
    "one table for all colours": ("dq_axi_pixels.sv", "entries[{channel, pixel[7:2]}]", "entries[{2'd0, pixel[7:2]}]"),
    "a short line is no error": ("dq_axi_pixels.sv", "tlast != x_last", "!tlast && x_last"),
    "an image within an image is no error": ("dq_axi_pixels.sv", "(tuser && !first)", "1'b0"),
    "a register is written by a byte": ("dq_axi_lite.sv", "take && whole", "take"),
    "what clears an interrupt sets it": ("dq_axi_registers.sv", "events & ~(write", "events | (write"),
    "the upper half of a base is forgotten": (
        "dq_axi_registers.sv",
        "bases[64*k+32+:32] <= write_data",
        "bases[64*k+:32] <= write_data",
    ),
}
