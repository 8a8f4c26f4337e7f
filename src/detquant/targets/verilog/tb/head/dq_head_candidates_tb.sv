// Candidates: words of last, code, cell and class in; end, number left out or code, cell and class out.
//
//   +threshold=N  smallest code that counts
//   +places=N     places that are used (default PLACES)
module dq_head_candidates_tb #(
    parameter int PLACES = 16,
    parameter int BITS = 8,
    parameter int CELL = 14,
    parameter int CLASS = 7
);
  localparam int FED = 1 + BITS + CELL + CLASS, GIVEN = 1 + 32 + BITS + CELL + CLASS;

  logic clk = 0, rst = 1;
  always #5 clk = !clk;

  logic fed_valid, fed_ready, given_valid, given_ready, found_end;
  logic [FED-1:0] fed;
  logic [GIVEN-1:0] given;
  logic signed [BITS-1:0] found_code;
  logic [CELL-1:0] found_cell;
  logic [CLASS-1:0] found_class;
  logic [31:0] left_out;
  int threshold, places;

  initial begin
    if (!$value$plusargs("threshold=%d", threshold)) threshold = 0;
    if (!$value$plusargs("places=%d", places)) places = PLACES;
    #22 rst = 0;
  end

  assign given = found_end ? {1'b1, left_out, {(BITS + CELL + CLASS) {1'b0}}} :
      {33'd0, found_code, found_cell, found_class};

  dq_head_harness #(
      .FED  (FED),
      .GIVEN(GIVEN)
  ) harness (
      .*
  );

  dq_head_candidates #(
      .PLACES(PLACES),
      .BITS  (BITS),
      .CELL  (CELL),
      .CLASS (CLASS)
  ) unit (
      .clk(clk),
      .rst(rst),
      .threshold(threshold[BITS:0]),
      .capacity($clog2(PLACES + 1)'(places)),
      .pair_valid(fed_valid),
      .pair_ready(fed_ready),
      .pair_last(fed[FED-1]),
      .pair_code(fed[CELL+CLASS+:BITS]),
      .pair_cell(fed[CLASS+:CELL]),
      .pair_class(fed[CLASS-1:0]),
      .found_valid(given_valid),
      .found_ready(given_ready),
      .found_end(found_end),
      .found_code(found_code),
      .found_cell(found_cell),
      .found_class(found_class),
      .left_out(left_out)
  );
endmodule
