// Requantisation: code = saturate(((n + bias) * M + 2^(S-1)) >> S + zero), LANES channels a cycle.
//
// A vector of sums is taken from the queue in beats of LANES channels. Where the array makes a vector in fewer cycles
// than there are beats, it waits: choose LANES so that the layers with the fewest products keep up (see the report).
//
// A sum of two maps comes as two vectors: (a + bias_a) * M_a is kept until (b + bias_b) * M_b is there.
//
// Registers: operands, biased, product twice (the multiplier's own), sum of two, shifted, saturated, looked up.
// Nothing in the lanes waits: a beat is let in only when the queue behind them has room for it.
module dq_requantise #(
    parameter int ICP = 16,
    parameter int OCP = 16,
    parameter int LANES = 16,
    parameter int ACCUMULATOR = 32,
    parameter int MULTIPLIER = 24,
    parameter int LOG_ENTRIES = 10   // width of a code before its table, 8 at least
) (
    input  logic                                      clk,
    input  logic                                      rst,
    // the descriptor
    input  logic                                      conv,
    input  logic                                      pair,       // a sum of two maps
    input  logic                                      looked_up,  // by a table
    input  logic                                      done,       // the instruction is
    input  logic signed [                       15:0] zero,
    input  logic signed [                       15:0] low,
    input  logic signed [                       15:0] high,
    input  logic        [                        5:0] shift,      // this and what follows: where there is no array
    input  logic        [          ACCUMULATOR-1:0] bias,
    input  logic        [             MULTIPLIER:0] multiplier,
    input  logic        [          ACCUMULATOR-1:0] bias_second,
    input  logic        [             MULTIPLIER:0] multiplier_second,
    // vectors of sums
    input  logic                                      vector_valid,
    output logic                                      vector_ready,
    input  logic                                      vector_second,
    input  logic                                      vector_finish,
    input  logic [(OCP>ICP?OCP:ICP)*ACCUMULATOR-1:0]  vector,
    // parameters and tables, as streams
    input  logic                                      row_valid,
    output logic                                      row_ready,
    input  logic [LANES*(ACCUMULATOR+MULTIPLIER+6)-1:0] row,
    input  logic                                      entry_valid,
    output logic                                      entry_ready,
    input  logic [                               7:0] entry,
    // codes
    output logic                                      beat_valid,
    input  logic                                      beat_ready,
    output logic                                      beat_last,    // of its vector
    output logic                                      beat_finish,  // of the last vector of a group of outputs
    output logic [                       LANES*8-1:0] beat
);
  localparam int CONV_BEATS = OCP / LANES, OTHER_BEATS = ICP / LANES;
  localparam int MOST_BEATS = CONV_BEATS > OTHER_BEATS ? CONV_BEATS : OTHER_BEATS;
  localparam int INDEX = MOST_BEATS > 1 ? $clog2(MOST_BEATS) : 1;
  localparam int PARAMETERS = ACCUMULATOR + MULTIPLIER + 6;
  localparam int FACTOR = MULTIPLIER + 1;                // signed
  localparam int PRODUCT = ACCUMULATOR + FACTOR + 1;     // of two, added
  localparam int LATENCY = 8, LOG_QUEUE = 4;

  logic [INDEX-1:0] place;
  logic [LOG_QUEUE:0] room;  // for beats behind the lanes
  logic row_available, table_available, let_in, gives, last_of_vector;
  logic [LANES*PARAMETERS-1:0] chosen;

  assign last_of_vector = 32'(place) == (conv ? CONV_BEATS : OTHER_BEATS) - 1;
  assign let_in = vector_valid && room != '0 && (!conv || row_available) && (!looked_up || table_available);
  assign gives = !pair || vector_second;
  assign vector_ready = let_in && last_of_vector;

  dq_parameters #(
      .WIDTH(LANES * PARAMETERS),
      .ROWS (CONV_BEATS),
      .INDEX(INDEX)
  ) parameters (
      .clk(clk),
      .rst(rst),
      .row_valid(row_valid),
      .row_ready(row_ready),
      .row(row),
      .available(row_available),
      .which(place),
      .chosen(chosen),
      .release_group(conv && vector_ready && vector_finish)
  );

  // Flags along the lanes, [0] beside the operands.
  logic [LATENCY-1:0] valid, last, finish;
  logic [INDEX-1:0] place0, place1, place2, place3;
  logic [3:0] second, entered;

  always_ff @(posedge clk) begin
    if (rst) begin
      place <= '0;
      room  <= {1'b1, {LOG_QUEUE{1'b0}}};
      valid <= '0;
    end else begin
      if (let_in) place <= last_of_vector ? '0 : place + 1'b1;
      room  <= room - (LOG_QUEUE + 1)'(let_in && gives) + (LOG_QUEUE + 1)'(beat_valid && beat_ready);
      valid <= {valid[LATENCY-2:0], let_in && gives};
    end
    entered <= {entered[2:0], let_in};
    last   <= {last[LATENCY-2:0], last_of_vector};
    finish <= {finish[LATENCY-2:0], vector_finish};
    second <= {second[2:0], pair && vector_second};
    place0 <= place;
    place1 <= place0;
    place2 <= place1;
    place3 <= place2;
  end

  logic [LANES*LOG_ENTRIES-1:0] table_places;
  logic [LANES*8-1:0] direct, found;
  genvar lane;
  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : lanes
      logic signed [ACCUMULATOR-1:0] n0, bias0, biased1;
      logic signed [FACTOR-1:0] factor0, factor1;
      logic signed [PRODUCT-1:0] product2, product3, total4, shifted5;
      logic [5:0] shift0, shift1, shift2, shift3, shift4;
      logic signed [LOG_ENTRIES-1:0] code6;
      logic signed [PRODUCT-1:0] held[0:(1<<INDEX)-1];
      logic [PARAMETERS-1:0] own;
      logic signed [PRODUCT-1:0] half4, zero_wide, low_wide, high_wide;

      assign own = chosen[PARAMETERS*lane+:PARAMETERS];
      assign half4 = shift4 == '0 ? '0 : PRODUCT'(1) << (shift4 - 6'd1);
      assign zero_wide = PRODUCT'(zero);
      assign low_wide = PRODUCT'(low);
      assign high_wide = PRODUCT'(high);

      always_ff @(posedge clk) begin
        n0 <= vector[ACCUMULATOR*(32'(place)*LANES+lane)+:ACCUMULATOR];
        if (conv) begin
          {bias0, factor0, shift0} <= {own[6+MULTIPLIER+:ACCUMULATOR], 1'b0, own[6+:MULTIPLIER], own[5:0]};
        end else begin
          bias0   <= vector_second ? bias_second : bias;
          factor0 <= vector_second ? multiplier_second : multiplier;
          shift0  <= shift;
        end
        biased1  <= n0 + bias0;
        product2 <= biased1 * factor1;
        product3 <= product2;
        {factor1, shift1, shift2, shift3, shift4} <= {factor0, shift0, shift1, shift2, shift3};
        if (pair && entered[3] && !second[3]) held[place3] <= product3;
        total4   <= product3 + (pair ? held[place3] : '0);
        shifted5 <= (total4 + half4) >>> shift4;
        if (shifted5 + zero_wide < low_wide) code6 <= low[LOG_ENTRIES-1:0];
        else if (shifted5 + zero_wide > high_wide) code6 <= high[LOG_ENTRIES-1:0];
        else code6 <= shifted5[LOG_ENTRIES-1:0] + zero[LOG_ENTRIES-1:0];
        direct[8*lane+:8] <= code6[7:0];
      end
      // The table begins with the smallest code of its width.
      assign table_places[LOG_ENTRIES*lane+:LOG_ENTRIES] = {!code6[LOG_ENTRIES-1], code6[LOG_ENTRIES-2:0]};
    end
  endgenerate

  dq_tables #(
      .LANES(LANES),
      .LOG_ENTRIES(LOG_ENTRIES)
  ) activation_tables (
      .clk(clk),
      .rst(rst),
      .entry_valid(entry_valid),
      .entry_ready(entry_ready),
      .entry(entry),
      .available(table_available),
      .release_table(done && looked_up),
      .enable(1'b1),
      .places(table_places),
      .found(found)
  );

  logic unused_in_ready;  // `room` has seen to it
  dq_fifo #(
      .WIDTH(LANES * 8 + 2),
      .LOG_DEPTH(LOG_QUEUE)
  ) beats (
      .clk(clk),
      .rst(rst),
      .in_valid(valid[LATENCY-1]),
      .in_ready(unused_in_ready),
      .in_data({last[LATENCY-1], finish[LATENCY-1], looked_up ? found : direct}),
      .out_valid(beat_valid),
      .out_ready(beat_ready),
      .out_data({beat_last, beat_finish, beat})
  );
endmodule
