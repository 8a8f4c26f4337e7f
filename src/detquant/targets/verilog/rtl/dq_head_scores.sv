// Scores of 16 fraction bits: a table of 257 entries and a line between two of them; 5 cycles a score.
//
//   score = T[h] + (((T[h + 1] - T[h]) l + half) >> m), as `detquant.integer.head.scores` says.
//
// The code is put to the left in 16 bits, so that h and l are its halves for codes of any width: l and half are both
// 2^(8 - m) times what they would be, and the shift is by 8. Of codes of 8 bits l is 0. One memory of one reading port
// is read twice: no more scores are asked for than there are detections.
module dq_head_scores #(
    parameter int BITS = 8  // of a code, 8 to 16
) (
    input  logic                   clk,
    input  logic                   rst,
    // the table
    input  logic                   entry_write,
    input  logic [            8:0] entry_address,
    input  logic [           15:0] entry,
    // codes
    input  logic                   code_valid,
    output logic                   code_ready,
    input  logic signed [BITS-1:0] code,
    // scores
    output logic                   score_valid,
    input  logic                   score_ready,
    output logic [           15:0] score
);
  localparam logic [2:0] TAKE = 3'd0, LOWER = 3'd1, UPPER = 3'd2, LINE = 3'd3, GIVE = 3'd4;

  logic [2:0] state;
  logic [15:0] entries[0:256];
  logic [15:0] found, low, rise;
  logic [15:0] place;
  logic [23:0] product;
  logic [15:0] gain;
  logic [7:0] unused_fraction;
  logic [BITS-1:0] from_first;

  assign code_ready  = state == TAKE;
  assign score_valid = state == GIVE;
  assign from_first  = {!code[BITS-1], code[BITS-2:0]};  // the table begins with the smallest code
  assign rise        = found - low;                      // the table never falls
  assign product     = 24'(rise) * 24'(place[7:0]);
  assign {gain, unused_fraction} = product + 24'd128;

  always_ff @(posedge clk) begin
    if (entry_write) entries[entry_address] <= entry;
    found <= entries[9'(place[15:8])+9'(state != LOWER)];
  end

  always_ff @(posedge clk) begin
    if (rst) state <= TAKE;
    else begin
      case (state)
        TAKE: if (code_valid) state <= LOWER;
        LOWER: state <= UPPER;
        UPPER: state <= LINE;
        LINE: state <= GIVE;
        default: if (score_ready) state <= TAKE;
      endcase
    end
    if (code_valid && code_ready) place <= 16'(from_first) << (16 - BITS);
    if (state == UPPER) low <= found;
    if (state == LINE) score <= low + gain;
  end
endmodule
