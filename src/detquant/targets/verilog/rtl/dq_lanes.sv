// What is done channel by channel without weights, ICP channels at a time: the largest of a window, a sum over a window
// (means), the product of two maps, or just the words of two maps in turn (sums, which the requantisation adds up).
module dq_lanes #(
    parameter int ICP = 16,
    parameter int ACCUMULATOR = 32
) (
    input  logic                       clk,
    input  logic                       rst,
    input  logic                       valid,
    input  logic                       first,
    input  logic                       last,
    input  logic                       finish,
    input  logic [                1:0] kind,      // see dq_engine
    input  logic [                7:0] zero,      // code of zero in the first factor of a product
    input  logic [                7:0] zero_second,
    input  logic [          ICP*8-1:0] codes,
    output logic                       results_valid,
    output logic                       results_second,  // the second of the two words of a sum
    output logic                       results_finish,
    output logic [ICP*ACCUMULATOR-1:0] results
);
  localparam logic [1:0] MAX = 2'd0, ADD = 2'd1, PAIR = 2'd2;

  logic signed [8:0] wide_zero;
  assign wide_zero = first ? $signed({zero[7], zero}) : $signed({zero_second[7], zero_second});

  genvar lane;
  generate
    for (lane = 0; lane < ICP; lane = lane + 1) begin : lanes
      logic signed [8:0] code;
      logic signed [9:0] centred;
      logic signed [ACCUMULATOR-1:0] held, wide, product;
      assign code = $signed({codes[8*lane+7], codes[8*lane+:8]});
      assign centred = code - wide_zero;
      assign wide = ACCUMULATOR'(code);
      assign product = ACCUMULATOR'($signed(held[9:0]) * centred);
      always_ff @(posedge clk) begin
        if (valid) begin
          case (kind)
            MAX: held <= first || wide > held ? wide : held;
            ADD: held <= first ? wide : held + wide;
            PAIR: held <= wide;
            default: held <= first ? ACCUMULATOR'(centred) : product;
          endcase
        end
      end
      assign results[ACCUMULATOR*lane+:ACCUMULATOR] = held;
    end
  endgenerate

  always_ff @(posedge clk) begin
    if (rst) results_valid <= 1'b0;
    else results_valid <= valid && (last || kind == PAIR);
    results_second <= kind == PAIR && !first;
    results_finish <= finish;
  end
endmodule
