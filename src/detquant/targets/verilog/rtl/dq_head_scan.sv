// Scans the maps of class logits: reads all their words, and gives the pairs of cell and class that reach the threshold.
//
// Which cell and classes a word is of goes into a queue beside its read. Words are read while those before them are
// looked at, one a cycle.
module dq_head_scan #(
    parameter int ICP = 16,
    parameter int ADDRESS = 20,
    parameter int LOG_FLIGHT = 5,
    parameter int LEVELS = 3,
    parameter int SIZE = 7,
    parameter int CLASS = 7,
    parameter int LOG_LEVELS = LEVELS > 1 ? $clog2(LEVELS) : 1,  // this and what follows: not to be set
    parameter int CELL = LOG_LEVELS + 2 * SIZE
) (
    input  logic                      clk,
    input  logic                      rst,
    input  logic                      go,       // one cycle: begin
    output logic                      running,  // words are still to be asked for, or on their way
    // settings
    input  logic [      LOG_LEVELS:0] levels,
    input  logic [           CLASS:0] classes,
    input  logic signed [        8:0] threshold,
    input  logic [   LEVELS*SIZE-1:0] rows,
    input  logic [   LEVELS*SIZE-1:0] columns,
    input  logic [LEVELS*ADDRESS-1:0] class_bases,
    // reads, and what they give
    output logic                      ask_valid,
    input  logic                      ask_ready,
    output logic [       ADDRESS-1:0] ask_address,
    input  logic                      word_valid,
    output logic                      word_ready,
    input  logic [         ICP*8-1:0] word,
    // pairs
    output logic                      pair_valid,
    input  logic                      pair_ready,
    output logic                      pair_last,
    output logic signed [        7:0] pair_code,
    output logic [          CELL-1:0] pair_cell,
    output logic [         CLASS-1:0] pair_class
);
  logic step_valid, step_last, room, tag_valid, tag_last;
  logic [CELL-1:0] step_cell, tag_cell;
  logic [CLASS-1:0] step_class, tag_class;
  logic takes, pairs_ready;

  assign running = step_valid || tag_valid;
  assign ask_valid = step_valid && room;
  assign takes = tag_valid && word_valid;
  assign word_ready = tag_valid && pairs_ready;

  dq_head_walk #(
      .ICP(ICP),
      .LEVELS(LEVELS),
      .ADDRESS(ADDRESS),
      .SIZE(SIZE),
      .CLASS(CLASS)
  ) walk (
      .clk(clk),
      .rst(rst),
      .go(go),
      .levels(levels),
      .classes(classes),
      .rows(rows),
      .columns(columns),
      .class_bases(class_bases),
      .step_valid(step_valid),
      .step_ready(room && ask_ready),
      .step_address(ask_address),
      .step_level(step_cell[CELL-1-:LOG_LEVELS]),
      .step_row(step_cell[2*SIZE-1-:SIZE]),
      .step_column(step_cell[SIZE-1:0]),
      .step_class(step_class),
      .step_last(step_last)
  );

  dq_fifo #(
      .WIDTH(1 + CELL + CLASS),
      .LOG_DEPTH(LOG_FLIGHT)
  ) tags (
      .clk(clk),
      .rst(rst),
      .in_valid(step_valid && ask_ready),
      .in_ready(room),
      .in_data({step_last, step_cell, step_class}),
      .out_valid(tag_valid),
      .out_ready(takes && pairs_ready),
      .out_data({tag_last, tag_cell, tag_class})
  );

  dq_head_pairs #(
      .ICP  (ICP),
      .CELL (CELL),
      .CLASS(CLASS)
  ) pairs (
      .clk(clk),
      .rst(rst),
      .threshold(threshold),
      .classes(classes),
      .word_valid(takes),
      .word_ready(pairs_ready),
      .word(word),
      .word_cell(tag_cell),
      .word_class(tag_class),
      .word_last(tag_last),
      .pair_valid(pair_valid),
      .pair_ready(pair_ready),
      .pair_last(pair_last),
      .pair_code(pair_code),
      .pair_cell(pair_cell),
      .pair_class(pair_class)
  );
endmodule
