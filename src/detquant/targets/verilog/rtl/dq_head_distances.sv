// Distances of a head of YOLOv8's kind: the expectation over BINS codes of one side of a box, in cells of 8 fraction bits.
//
//   e_i = E[top - c_i]    D = sum(e_i)    N = sum(i e_i)    distance = (512 N + D) / (2 D), rounded down
//
// as `detquant.integer.head.distances` says. E are tables of 256 entries of 16 bits, one for each level, written before.
// Codes are signed; of unsigned ones turn the top bit around: only differences matter.
//
// Codes are kept until their largest is known, then looked up from the last bin to the first, which spares the
// multiplier: where S is the sum so far, N grows by S for each bin but the first. The quotient comes from a restoring
// divider, a bit a cycle. Cycles a side: 2 BINS + 11 + log2(BINS), of which BINS take codes.
module dq_head_distances #(
    parameter int BINS = 16,   // 2 at least
    parameter int LEVELS = 3,
    parameter int LOG_BINS = $clog2(BINS),                          // this and what follows: not to be set
    parameter int LOG_LEVELS = LEVELS > 1 ? $clog2(LEVELS) : 1
) (
    input  logic                         clk,
    input  logic                         rst,
    // the tables
    input  logic                         entry_write,
    input  logic [       LOG_LEVELS+7:0] entry_address,  // level, then difference
    input  logic [                 15:0] entry,
    // codes, BINS of a side, bin 0 first
    input  logic                         code_valid,
    output logic                         code_ready,
    input  logic signed [           7:0] code,
    input  logic [       LOG_LEVELS-1:0] code_level,     // counts beside the last of a side
    // distances
    output logic                         distance_valid,
    input  logic                         distance_ready,
    output logic [         LOG_BINS+7:0] distance
);
  localparam int QUOTIENT = 8 + LOG_BINS;
  localparam int SUM = 16 + LOG_BINS, MOMENT = 15 + 2 * LOG_BINS, DIVISOR = SUM + 1;
  localparam int LOG_STEPS = $clog2(QUOTIENT);
  localparam logic [2:0] TAKE = 3'd0, SUMS = 3'd1, LOAD = 3'd2, DIVIDE = 3'd3, GIVE = 3'd4;

  logic [2:0] state;
  logic signed [7:0] codes[0:BINS-1];
  logic signed [7:0] top;
  logic [15:0] entries[0:(1<<(LOG_LEVELS+8))-1];
  logic [15:0] found;                 // a cycle after its place
  logic [LOG_BINS-1:0] bin;
  logic [LOG_LEVELS-1:0] level;
  logic asks, found_valid, found_last;
  logic [7:0] difference;
  logic [SUM-1:0] sum, sum_after;
  logic [MOMENT-1:0] moment;
  logic [LOG_STEPS-1:0] step;
  logic [DIVISOR-1:0] remainder, divisor;
  logic [QUOTIENT-1:0] quotient;      // what is left of the dividend moves out as the quotient moves in
  logic [DIVISOR:0] trial;
  logic fits;

  assign code_ready = state == TAKE;
  assign distance_valid = state == GIVE;
  assign distance = quotient;
  assign difference = top - codes[bin];
  assign sum_after = sum + SUM'(found);
  assign divisor = {sum, 1'b0};
  assign trial = {remainder, quotient[QUOTIENT-1]};
  assign fits = trial >= {1'b0, divisor};

  always_ff @(posedge clk) begin
    if (entry_write) entries[entry_address] <= entry;
    found <= entries[{level, difference}];
  end

  always_ff @(posedge clk) begin
    if (code_valid && code_ready) begin
      codes[bin] <= code;
      level <= code_level;
      if (bin == '0 || code > top) top <= code;
    end
    if (rst) begin
      state <= TAKE;
      bin <= '0;
      asks <= 1'b0;
      found_valid <= 1'b0;
    end else begin
      found_valid <= asks;
      found_last  <= bin == '0;
      case (state)
        TAKE: begin
          sum <= '0;
          moment <= '0;
          if (code_valid) begin
            if (bin == LOG_BINS'(BINS - 1)) begin
              state <= SUMS;
              asks  <= 1'b1;
            end else bin <= bin + 1'b1;
          end
        end
        SUMS: begin
          if (bin != '0) bin <= bin - 1'b1;
          else asks <= 1'b0;
          if (found_valid) begin
            sum <= sum_after;
            if (found_last) state <= LOAD;
            else moment <= moment + MOMENT'(sum_after);
          end
        end
        LOAD: begin
          {remainder, quotient} <= (DIVISOR + QUOTIENT)'({moment, 9'd0}) + (DIVISOR + QUOTIENT)'(sum);
          step  <= '0;
          state <= DIVIDE;
        end
        DIVIDE: begin
          remainder <= fits ? DIVISOR'(trial - {1'b0, divisor}) : trial[DIVISOR-1:0];
          quotient <= {quotient[QUOTIENT-2:0], fits};
          step <= step + 1'b1;
          if (step == LOG_STEPS'(QUOTIENT - 1)) state <= GIVE;
        end
        default: if (distance_ready) state <= TAKE;
      endcase
    end
  end
endmodule
