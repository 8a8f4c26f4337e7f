// The head: detections of a network's last maps, bit for bit as `detquant.integer.head` makes them.
//
//   class maps -> dq_head_scan -> dq_head_candidates -> dq_head_fetch -> distance maps
//                                                                              |
//   detections <- dq_head_scores <- dq_head_suppression <- dq_head_boxes <-----/
//
// First all class logits are read, a word of ICP codes a cycle, and the best pairs of cell and class are kept. Then, for
// each of them, best first, the distances of its cell are read; boxes that no better one of their class covers are
// given with their scores. Cells without a candidate have no box.
//
// Settings and tables come from the head's stream and are there before `go`, or `go` waits for them. Where they say that
// there are no levels, the head ends at once, without a word.
//
// Cycles: one for each word of the class maps; for each of n candidates those of the sorting memory (some 2 log2(n) to
// be put in, 3 log2(n) to be sorted) and of a box (4 (2 BINS + 11 + log2(BINS)) + 3), or of its comparisons where these
// are more (8, and one for each detection before it), 2 of those behind the last detection that is wanted; 5 for each
// detection. Where the memory or the receiver waits, so does the head.
module dq_head #(
    parameter int ICP = 16,
    parameter int ADDRESS = 20,
    parameter int LOG_FLIGHT = 5,  // reads on their way
    parameter int LEVELS = 3,      // most levels: 1 to 8
    parameter int BINS = 16,       // of a distance: 2 to 64
    parameter int PLACES = 1024,   // most candidates: 1 to 65536
    parameter int KEPT = 300,      // most detections
    parameter int SIZE = 7,        // bits of the number of rows and of columns: 1 to 12, ADDRESS at most
    parameter int CLASS = 7        // bits of the number of a class: 1 to 15
) (
    input  logic               clk,
    input  logic               rst,
    input  logic               start,     // one cycle: settings and tables may be read
    input  logic               go,        // one cycle, not before `start`: the maps are in memory
    output logic               running,   // from then on to the end
    output logic               finished,  // one cycle: the end has been taken, or there is nothing to do
    input  logic               head_valid,
    output logic               head_ready,
    input  logic [       31:0] head_word,
    output logic               ask_valid,
    input  logic               ask_ready,
    output logic [ADDRESS-1:0] ask_address,
    input  logic               read_valid,
    output logic               read_ready,
    input  logic [  ICP*8-1:0] read_data,
    output logic               found_valid,
    input  logic               found_ready,
    output logic               found_end,
    output logic [      127:0] found_word,
    output logic [       31:0] found_left_out
);
  localparam int LOG_LEVELS = LEVELS > 1 ? $clog2(LEVELS) : 1;
  localparam int CELL = LOG_LEVELS + 2 * SIZE;  // level, row, column: ordered as the numbers of cells are
  localparam int TAG = 1 + 8 + CELL + CLASS;
  localparam int WORDS = (4 * BINS + ICP - 1) / ICP;
  localparam int LOG_CELLS = 2;  // candidates on their way

  generate
    if (LEVELS < 1 || LEVELS > 8 || BINS < 2 || BINS > 64) begin : maps_check
      dq_error_heads_have_1_to_8_levels_and_2_to_64_bins check ();
    end
    if (PLACES < 1 || PLACES > 65536 || KEPT < 1 || KEPT > 65536) begin : places_check
      dq_error_heads_have_1_to_65536_candidates_and_detections check ();
    end
    if (SIZE < 1 || SIZE > 12 || SIZE > ADDRESS || CLASS < 1 || CLASS > 15) begin : widths_check
      dq_error_widths_of_rows_columns_or_classes check ();
    end
  endgenerate

  // ---- settings
  logic loaded;
  logic [LOG_LEVELS:0] levels;
  logic [CLASS:0] classes;
  logic signed [8:0] threshold;
  logic [8:0] overlap;
  logic [$clog2(PLACES+1)-1:0] capacity;
  logic [$clog2(KEPT+1)-1:0] limit;
  logic [LEVELS*SIZE-1:0] rows, columns;
  logic [LEVELS*3-1:0] log_strides;
  logic [LEVELS*ADDRESS-1:0] class_bases, side_bases, planes;
  logic exponential_write, score_write;
  logic [LOG_LEVELS+7:0] exponential_address;
  logic [8:0] score_address;
  logic [15:0] entry;

  dq_head_settings #(
      .LEVELS(LEVELS),
      .ADDRESS(ADDRESS),
      .PLACES(PLACES),
      .KEPT(KEPT),
      .SIZE(SIZE),
      .CLASS(CLASS)
  ) settings (
      .clk(clk),
      .rst(rst),
      .start(start),
      .loaded(loaded),
      .word_valid(head_valid),
      .word_ready(head_ready),
      .word(head_word),
      .levels(levels),
      .classes(classes),
      .threshold(threshold),
      .overlap(overlap),
      .capacity(capacity),
      .limit(limit),
      .rows(rows),
      .columns(columns),
      .log_strides(log_strides),
      .class_bases(class_bases),
      .side_bases(side_bases),
      .planes(planes),
      .exponential_write(exponential_write),
      .exponential_address(exponential_address),
      .score_write(score_write),
      .score_address(score_address),
      .entry(entry)
  );

  logic awaited, begins;  // awaited: `go` has come
  assign begins = awaited && loaded;
  always_ff @(posedge clk) begin
    if (rst) begin
      {awaited, running} <= '0;
    end else begin
      if (begins) awaited <= 1'b0;
      if (finished) running <= 1'b0;
      if (go) {awaited, running} <= '1;
    end
  end

  // ---- reads: first of the class maps, then of the candidates' cells; never of both at a time
  logic scan_asks, cell_asks, scanning, word_valid, scan_takes, boxes_take;
  logic [ADDRESS-1:0] scan_address, cell_address;
  logic [ICP*8-1:0] word;

  assign ask_valid   = scan_asks || cell_asks;
  assign ask_address = scan_asks ? scan_address : cell_address;
  dq_fifo #(
      .WIDTH(ICP * 8),
      .LOG_DEPTH(LOG_FLIGHT)
  ) arrived (
      .clk(clk),
      .rst(rst),
      .in_valid(read_valid),
      .in_ready(read_ready),
      .in_data(read_data),
      .out_valid(word_valid),
      .out_ready(scanning ? scan_takes : boxes_take),
      .out_data(word)
  );

  // ---- candidates
  logic pair_valid, pair_ready, pair_last;
  logic signed [7:0] pair_code, found_code;
  logic [CELL-1:0] pair_cell, found_cell;
  logic [CLASS-1:0] pair_class, found_class;
  logic candidate_valid, candidate_ready, candidate_end;
  logic [31:0] left_out;

  dq_head_scan #(
      .ICP(ICP),
      .ADDRESS(ADDRESS),
      .LOG_FLIGHT(LOG_FLIGHT),
      .LEVELS(LEVELS),
      .SIZE(SIZE),
      .CLASS(CLASS)
  ) scan (
      .clk(clk),
      .rst(rst),
      .go(begins && levels != '0),
      .running(scanning),
      .levels(levels),
      .classes(classes),
      .threshold(threshold),
      .rows(rows),
      .columns(columns),
      .class_bases(class_bases),
      .ask_valid(scan_asks),
      .ask_ready(ask_ready),
      .ask_address(scan_address),
      .word_valid(word_valid),
      .word_ready(scan_takes),
      .word(word),
      .pair_valid(pair_valid),
      .pair_ready(pair_ready),
      .pair_last(pair_last),
      .pair_code(pair_code),
      .pair_cell(pair_cell),
      .pair_class(pair_class)
  );

  dq_head_candidates #(
      .PLACES(PLACES),
      .BITS  (8),
      .CELL  (CELL),
      .CLASS (CLASS)
  ) candidates (
      .clk(clk),
      .rst(rst),
      .threshold(threshold),
      .capacity(capacity),
      .pair_valid(pair_valid),
      .pair_ready(pair_ready),
      .pair_last(pair_last),
      .pair_code(pair_code),
      .pair_cell(pair_cell),
      .pair_class(pair_class),
      .found_valid(candidate_valid),
      .found_ready(candidate_ready),
      .found_end(candidate_end),
      .found_code(found_code),
      .found_cell(found_cell),
      .found_class(found_class),
      .left_out(left_out)
  );
  always_ff @(posedge clk) if (candidate_valid && candidate_end) found_left_out <= left_out;

  // ---- boxes
  logic enough, fetched_valid, fetched_ready, tag_valid, tag_ready;
  logic [TAG-1:0] fetched, tag;

  dq_head_fetch #(
      .WORDS(WORDS),
      .LEVELS(LEVELS),
      .ADDRESS(ADDRESS),
      .SIZE(SIZE),
      .CLASS(CLASS)
  ) fetch (
      .clk(clk),
      .rst(rst),
      .columns(columns),
      .side_bases(side_bases),
      .planes(planes),
      .enough(enough),
      .found_valid(candidate_valid),
      .found_ready(candidate_ready),
      .found_end(candidate_end),
      .found_code(found_code),
      .found_cell(found_cell),
      .found_class(found_class),
      .ask_valid(cell_asks),
      .ask_ready(ask_ready && !scan_asks),
      .ask_address(cell_address),
      .tag_valid(fetched_valid),
      .tag_ready(fetched_ready),
      .tag(fetched)
  );

  dq_fifo #(
      .WIDTH(TAG),
      .LOG_DEPTH(LOG_CELLS)
  ) cell_tags (
      .clk(clk),
      .rst(rst),
      .in_valid(fetched_valid),
      .in_ready(fetched_ready),
      .in_data(fetched),
      .out_valid(tag_valid),
      .out_ready(tag_ready),
      .out_data(tag)
  );

  logic box_valid, box_ready, box_end;
  logic [63:0] box;
  logic [CLASS-1:0] box_class;
  logic [7:0] box_code;
  dq_head_boxes #(
      .ICP(ICP),
      .BINS(BINS),
      .LEVELS(LEVELS),
      .SIZE(SIZE),
      .CLASS(CLASS)
  ) boxes (
      .clk(clk),
      .rst(rst),
      .log_strides(log_strides),
      .entry_write(exponential_write),
      .entry_address(exponential_address),
      .entry(entry),
      .tag_valid(tag_valid),
      .tag_ready(tag_ready),
      .tag(tag),
      .word_valid(word_valid && !scanning),
      .word_ready(boxes_take),
      .word(word),
      .box_valid(box_valid),
      .box_ready(box_ready),
      .box_end(box_end),
      .box(box),
      .box_class(box_class),
      .box_code(box_code)
  );

  // ---- what stays
  logic kept_valid, kept_ready, kept_end, unused_order;
  logic [63:0] kept;
  logic [CLASS-1:0] kept_class;
  logic [7:0] kept_code;

  dq_head_suppression #(
      .PLACES(KEPT),
      .CLASS (CLASS),
      .ORDER (1)
  ) suppression (
      .clk(clk),
      .rst(rst),
      .threshold(overlap),
      .limit(limit),
      .box_valid(box_valid),
      .box_ready(box_ready),
      .box_end(box_end),
      .box(box),
      .box_class(box_class),
      .kept_valid(kept_valid),
      .kept_ready(kept_ready),
      .kept_end(kept_end),
      .kept(kept),
      .kept_class(kept_class),
      .kept_order(unused_order),
      .enough(enough)
  );
  always_ff @(posedge clk) if (box_valid && box_ready) kept_code <= box_code;  // a box is given before the next is taken

  // ---- scores
  logic unused_ready, score_valid;
  logic [15:0] score;
  dq_head_scores #(
      .BITS(8)
  ) scores (
      .clk(clk),
      .rst(rst),
      .entry_write(score_write),
      .entry_address(score_address),
      .entry(entry),
      .code_valid(kept_valid && !kept_end),
      .code_ready(unused_ready),  // it is: a score is given with its box
      .code(kept_code),
      .score_valid(score_valid),
      .score_ready(found_ready),
      .score(score)
  );
  assign found_valid = kept_valid && (kept_end || score_valid);
  assign found_end   = kept_end;
  assign kept_ready  = found_ready && found_valid;
  assign found_word  = found_end ? '0 : {16'd0, {8{kept_code[7]}}, kept_code, score, 16'(kept_class), kept};
  assign finished    = found_valid && found_ready && found_end || begins && levels == '0;
endmodule
