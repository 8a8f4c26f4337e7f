// The array: OCP sums of ICP products a cycle, and an accumulator for each.
//
// Registers: the factors, the products, one behind every two levels of the adder tree, the accumulators. Sums wrap
// around at ACCUMULATOR bits; as the exporter shows that each complete sum fits, what wraps on the way comes back.
module dq_mac #(
    parameter int ICP = 16,
    parameter int OCP = 16,
    parameter int WEIGHT = 8,
    parameter int ACCUMULATOR = 32
) (
    input  logic                       clk,
    input  logic                       rst,
    input  logic                       valid,
    input  logic                       first,
    input  logic                       last,
    input  logic                       finish,
    input  logic [          ICP*8-1:0] codes,    // signed; lane 0 in the low bits
    input  logic [OCP*ICP*WEIGHT-1:0]  weights,  // a cycle later than `codes`; lane = output * ICP + input
    output logic                       sums_valid,
    output logic                       sums_finish,
    output logic [OCP*ACCUMULATOR-1:0] sums
);
  localparam int LEVELS = $clog2(ICP);
  localparam int STAGES = (LEVELS + 1) / 2;  // of the tree, of four inputs each; the last may have two
  localparam int PRODUCT = 8 + WEIGHT;
  localparam int SUM = PRODUCT + LEVELS;
  // Where the sum of all lies among the nodes: behind ICP / 4 sums of four, ICP / 16, ...
  localparam int ROOT = STAGES == 0 ? 0 : (ICP >> (2 * (STAGES - 1))) * (((1 << (2 * STAGES)) - 1) / 3) - ICP;

  logic [ICP*8-1:0] x;
  logic [STAGES+1:0] valids, firsts, lasts, finishes;

  always_ff @(posedge clk) begin
    if (valid) x <= codes;
    if (rst) valids <= '0;
    else valids <= {valids[STAGES:0], valid};
    firsts   <= {firsts[STAGES:0], first};
    lasts    <= {lasts[STAGES:0], last};
    finishes <= {finishes[STAGES:0], finish};
  end

  genvar o, s, i;
  generate
    for (o = 0; o < OCP; o = o + 1) begin : outputs
      // Registers just as wide as a product: they become the multipliers' own. Yosys 0.23 takes wider ones for that as
      // well, and has then left the bits that repeat the sign without a value, and with them the sums.
      logic signed [PRODUCT-1:0] leaves[0:ICP-1];
      logic signed [SUM-1:0] nodes[0:ROOT];
      logic signed [ACCUMULATOR-1:0] total;

      for (i = 0; i < ICP; i = i + 1) begin : products
        always_ff @(posedge clk) begin
          if (valids[0]) leaves[i] <= $signed(x[8*i+:8]) * $signed(weights[WEIGHT*(o*ICP+i)+:WEIGHT]);
        end
      end

      for (s = 1; s <= STAGES; s = s + 1) begin : stages
        localparam int INPUTS = ICP >> (2 * (s - 1));
        localparam int FROM = 4 * INPUTS * (((1 << (2 * s - 2)) - 1) / 3) - ICP;  // of the nodes; leaves are before them
        localparam int TO = FROM + INPUTS;
        logic signed [SUM-1:0] terms[0:INPUTS-1];
        for (i = 0; i < INPUTS; i = i + 1) begin : inputs
          if (s == 1) begin : of_leaves
            assign terms[i] = SUM'(leaves[i]);
          end else begin : of_nodes
            assign terms[i] = nodes[FROM+i];
          end
        end
        if (INPUTS >= 4) begin : by_four
          for (i = 0; i < INPUTS / 4; i = i + 1) begin : sums_of_four
            always_ff @(posedge clk) begin
              if (valids[s]) nodes[TO+i] <= terms[4*i] + terms[4*i+1] + terms[4*i+2] + terms[4*i+3];
            end
          end
        end else begin : by_two
          always_ff @(posedge clk) if (valids[s]) nodes[TO] <= terms[0] + terms[1];
        end
      end

      if (STAGES == 0) begin : one_product
        assign nodes[ROOT] = SUM'(leaves[0]);
      end

      always_ff @(posedge clk) begin
        if (valids[STAGES+1]) total <= (firsts[STAGES+1] ? '0 : total) + ACCUMULATOR'(nodes[ROOT]);
      end
      assign sums[ACCUMULATOR*o+:ACCUMULATOR] = total;
    end
  endgenerate

  always_ff @(posedge clk) begin
    if (rst) sums_valid <= 1'b0;
    else sums_valid <= valids[STAGES+1] && lasts[STAGES+1];
    sums_finish <= finishes[STAGES+1];
  end
endmodule
