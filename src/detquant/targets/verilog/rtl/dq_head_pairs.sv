// Pairs of cell and class from words of ICP codes: those that reach the threshold, lowest class first.
//
// The last pair of the image always comes, with `pair_last`, whether it reaches the threshold or not: who takes pairs
// compares again. Cycles: 1 for a word of which no pair comes, 1 for each pair of others; two from a word to its pair.
module dq_head_pairs #(
    parameter int ICP = 16,
    parameter int CELL = 16,
    parameter int CLASS = 7
) (
    input  logic                    clk,
    input  logic                    rst,
    // settings
    input  logic signed [      8:0] threshold,
    input  logic [         CLASS:0] classes,
    // words
    input  logic                    word_valid,
    output logic                    word_ready,
    input  logic [       ICP*8-1:0] word,
    input  logic [        CELL-1:0] word_cell,
    input  logic [       CLASS-1:0] word_class,  // of lane 0
    input  logic                    word_last,   // of the image
    // pairs
    output logic                    pair_valid,
    input  logic                    pair_ready,
    output logic                    pair_last,
    output logic signed [      7:0] pair_code,
    output logic [        CELL-1:0] pair_cell,
    output logic [       CLASS-1:0] pair_class
);
  logic [ICP-1:0] comes, waiting, rest;  // lanes
  logic [ICP*8-1:0] codes;
  logic [CELL-1:0] cell1;
  logic [CLASS-1:0] class1;
  logic last1, moves;

  genvar lane;
  generate
    for (lane = 0; lane < ICP; lane = lane + 1) begin : lanes
      logic signed [8:0] code;
      logic is_class, is_last;
      assign code = {word[8*lane+7], word[8*lane+:8]};
      assign is_class = 32'(word_class) + lane < 32'(classes);
      assign is_last = 32'(word_class) + lane + 1 == 32'(classes);
      assign comes[lane] = is_class && code >= threshold || word_last && is_last;
    end
  endgenerate

  assign rest = waiting & (waiting - 1'b1);  // without the lowest
  assign moves = !pair_valid || pair_ready;
  assign word_ready = rest == '0 && (waiting == '0 || moves);

  logic [7:0] lowest_code;
  logic [CLASS-1:0] lowest_class;
  always_comb begin
    lowest_code  = '0;
    lowest_class = '0;
    for (int k = ICP - 1; k >= 0; k--) begin
      if (waiting[k]) begin
        lowest_code  = codes[8*k+:8];
        lowest_class = class1 + CLASS'(k);
      end
    end
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      waiting <= '0;
      pair_valid <= 1'b0;
    end else begin
      if (moves) begin
        pair_valid <= waiting != '0;
        waiting <= rest;
      end
      if (word_valid && word_ready) waiting <= comes;
    end
    if (moves) begin
      pair_last <= last1 && rest == '0;
      pair_code <= lowest_code;
      pair_cell <= cell1;
      pair_class <= lowest_class;
    end
    if (word_valid && word_ready) begin
      codes  <= word;
      cell1  <= word_cell;
      class1 <= word_class;
      last1  <= word_last;
    end
  end
endmodule
