// The engine: runs a program of convolutions, poolings, sums and products on maps of codes, bit for bit as the integer
// model does (ARITHMETIC.md).
//
//   descriptors -> dq_sequencer -> dq_walk --addresses--> memory --codes--> dq_mac   -> vectors -> dq_requantise
//   weights     -> dq_tiles    ---------------------------------------->  dq_lanes -/            -> dq_writer -> memory
//
// Memory and streams have valid/ready on both ends of each transfer and may make the engine wait at any time.
//
// * Four streams (descriptors, weights, parameters, tables) are read from their first word to their last once an image,
//   in order: a DMA engine each is enough, and no address of theirs is in the program.
// * The memory of maps has words of ICP codes. Reads come back in the order in which they were asked for. Once a write
//   is accepted, a later read must give what it wrote.
//
// Codes in memory are signed: those of an unsigned grid are stored less 128 (8 bits), and the exporter moves zero points
// with them, so that one kind of multiplier serves both.
module dq_engine #(
    parameter int ICP = 16,          // input channels that are multiplied at once: codes in a word of memory
    parameter int OCP = 16,          // output channels that are summed at once
    parameter int LANES = 16,        // channels that are requantised at once
    parameter int WEIGHT = 8,        // bits of a weight
    parameter int ACCUMULATOR = 32,
    parameter int MULTIPLIER = 24,   // bits of a multiplier
    parameter int LOG_ENTRIES = 10,  // of a table: bits of a code before its activation
    parameter int ADDRESS = 20,      // bits of an address of a word of maps
    parameter int LOG_TILES = 9,     // words of weights in the ring: two tiles at least, for speed
    parameter int SEGMENTS = 8,      // most segments of one instruction
    parameter int LOG_FLIGHT = 5     // reads on their way
) (
    input  logic                                        clk,
    input  logic                                        rst,
    input  logic                                        start,
    output logic                                        busy,
    output logic                                        finished,     // one cycle, at the end of the program
    output logic                                        retired,      // one cycle, behind each instruction
    output logic                                        multiplies,   // the array is at work in this cycle
    // streams
    input  logic                                        desc_valid,
    output logic                                        desc_ready,
    input  logic [                                31:0] desc_word,
    input  logic                                        weight_valid,
    output logic                                        weight_ready,
    input  logic [                  OCP*ICP*WEIGHT-1:0] weight_word,
    input  logic                                        param_valid,
    output logic                                        param_ready,
    input  logic [LANES*(ACCUMULATOR+MULTIPLIER+6)-1:0] param_word,
    input  logic                                        table_valid,
    output logic                                        table_ready,
    input  logic [                                 7:0] table_word,
    // memory of maps
    output logic                                        ask_valid,
    input  logic                                        ask_ready,
    output logic [                         ADDRESS-1:0] ask_address,
    input  logic                                        read_valid,
    output logic                                        read_ready,
    input  logic [                           ICP*8-1:0] read_data,
    output logic                                        write_valid,
    input  logic                                        write_ready,
    output logic [                         ADDRESS-1:0] write_address,
    output logic [                             ICP-1:0] write_strobe,
    output logic [                           ICP*8-1:0] write_data
);
  localparam int HEADER = 14;
  localparam int VECTOR = (OCP > ICP ? OCP : ICP) * ACCUMULATOR;
  localparam int LOG_VECTORS = 4;
  localparam logic [1:0] CONV = 2'd1, PAIR = 2'd2;

  // A configuration that cannot work is no module: its name is the message.
  generate
    if (ICP < 1 || (1 << $clog2(ICP)) != ICP || (1 << $clog2(OCP)) != OCP) begin : lanes_check
      dq_error_icp_and_ocp_must_be_powers_of_two check ();
    end
    if (LANES < 1 || ICP % LANES != 0 || OCP % LANES != 0) begin : requant_check
      dq_error_lanes_must_divide_icp_and_ocp check ();
    end
    if (WEIGHT < 2 || WEIGHT > 8) begin : weight_check
      dq_error_weights_must_have_2_to_8_bits check ();
    end
    if (ACCUMULATOR < 16 || ACCUMULATOR > 32 || MULTIPLIER < 2 || MULTIPLIER > 31) begin : arithmetic_check
      dq_error_accumulators_have_16_to_32_bits_and_multipliers_2_to_31 check ();
    end
    if (LOG_ENTRIES < 8 || LOG_ENTRIES > 16) begin : tables_check
      dq_error_tables_have_2_to_the_8_to_16_entries check ();
    end
    if (ADDRESS < 2 || ADDRESS > 32 || SEGMENTS < 1 || SEGMENTS > 255 || LOG_TILES < 1) begin : memory_check
      dq_error_widths_of_addresses_segments_or_tiles check ();
    end
  endgenerate

  // The descriptor of the instruction that runs; see `descriptors.py`, which writes it.
  // Addresses and factors have 32 bits in it, whatever the engine's widths; the exporter writes none that do not fit.
  /* verilator lint_off UNUSEDSIGNAL */
  logic [HEADER*32-1:0] header;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [SEGMENTS*96-1:0] segments;
  logic go, done;
  logic conv, looked_up, diagonal, clamped, pair;
  logic [1:0] kind;
  assign conv = header[1:0] == CONV;
  assign kind = header[3:2];
  assign pair = !conv && kind == PAIR;
  assign looked_up = header[4];
  assign diagonal = header[5];
  assign clamped = header[6];

  dq_sequencer #(
      .HEADER(HEADER),
      .SEGMENTS(SEGMENTS)
  ) sequencer (
      .clk(clk),
      .rst(rst),
      .start(start),
      .busy(busy),
      .finished(finished),
      .word_valid(desc_valid),
      .word_ready(desc_ready),
      .word(desc_word),
      .go(go),
      .header(header),
      .segments(segments),
      .done(done)
  );
  assign retired = done;

  // Steps. What a step is goes into a queue beside the read that it asks for.
  logic step_valid, step_ready, step_pad, step_first, step_last, step_end;
  logic tag_room, tag_valid, tag_pad, tag_first, tag_last, tag_end;
  logic fire;

  dq_walk #(
      .ICP(ICP),
      .OCP(OCP),
      .ADDRESS(ADDRESS),
      .SEGMENTS(SEGMENTS)
  ) walk (
      .clk(clk),
      .rst(rst),
      .go(go),
      .conv(conv),
      .diagonal(diagonal),
      .clamped(clamped),
      .segment_count(header[15:8]),
      .out_groups(header[31:16]),
      .out_height(header[47:32]),
      .out_width(header[63:48]),
      .height(header[79:64]),
      .width(header[95:80]),
      .kernel_height(header[103:96]),
      .kernel_width(header[111:104]),
      .stride_down(header[119:112]),
      .stride_right(header[127:120]),
      .pad_top(header[143:128]),
      .pad_left(header[159:144]),
      .dilation_down(header[167:160]),
      .dilation_right(header[175:168]),
      .segments(segments),
      .step_valid(step_valid),
      .step_ready(step_ready),
      .step_address(ask_address),
      .step_pad(step_pad),
      .step_first(step_first),
      .step_last(step_last),
      .step_end(step_end)
  );
  assign ask_valid  = step_valid && !step_pad && tag_room;
  assign step_ready = tag_room && (step_pad || ask_ready);

  dq_fifo #(
      .WIDTH(4),
      .LOG_DEPTH(LOG_FLIGHT)
  ) tags (
      .clk(clk),
      .rst(rst),
      .in_valid(step_valid && step_ready),
      .in_ready(tag_room),
      .in_data({step_pad, step_first, step_last, step_end}),
      .out_valid(tag_valid),
      .out_ready(fire),
      .out_data({tag_pad, tag_first, tag_last, tag_end})
  );

  logic code_valid;
  logic [ICP*8-1:0] read_codes, codes;
  dq_fifo #(
      .WIDTH(ICP * 8),
      .LOG_DEPTH(LOG_FLIGHT)
  ) arrived (
      .clk(clk),
      .rst(rst),
      .in_valid(read_valid),
      .in_ready(read_ready),
      .in_data(read_data),
      .out_valid(code_valid),
      .out_ready(fire && !tag_pad),
      .out_data(read_codes)
  );
  assign codes = tag_pad ? {ICP{header[183:176]}} : read_codes;

  // A step fires when its codes and its weights are there, and room for the vector that it completes.
  logic weights_available, emits;
  logic [LOG_VECTORS:0] vector_room;
  logic [OCP*ICP*WEIGHT-1:0] weights;
  assign emits = tag_last || pair;
  assign fire = tag_valid && (tag_pad || code_valid) && (!conv || weights_available) && (!emits || vector_room != '0);
  assign multiplies = fire && conv;

  dq_tiles #(
      .WIDTH(OCP * ICP * WEIGHT),
      .LOG_DEPTH(LOG_TILES)
  ) tiles (
      .clk(clk),
      .rst(rst),
      .word_valid(weight_valid),
      .word_ready(weight_ready),
      .word(weight_word),
      .available(weights_available),
      .take(fire && conv),
      .take_last(tag_last),
      .take_end(tag_end),
      .weights(weights)
  );

  logic sums_valid, sums_finish;
  logic [OCP*ACCUMULATOR-1:0] sums;
  dq_mac #(
      .ICP(ICP),
      .OCP(OCP),
      .WEIGHT(WEIGHT),
      .ACCUMULATOR(ACCUMULATOR)
  ) mac (
      .clk(clk),
      .rst(rst),
      .valid(fire && conv),
      .first(tag_first),
      .last(tag_last),
      .finish(tag_end),
      .codes(codes),
      .weights(weights),
      .sums_valid(sums_valid),
      .sums_finish(sums_finish),
      .sums(sums)
  );

  logic results_valid, results_second, results_finish;
  logic [ICP*ACCUMULATOR-1:0] results;
  dq_lanes #(
      .ICP(ICP),
      .ACCUMULATOR(ACCUMULATOR)
  ) lanes (
      .clk(clk),
      .rst(rst),
      .valid(fire && !conv),
      .first(tag_first),
      .last(tag_last),
      .finish(tag_end),
      .kind(kind),
      .zero(header[279:272]),
      .zero_second(header[287:280]),
      .codes(codes),
      .results_valid(results_valid),
      .results_second(results_second),
      .results_finish(results_finish),
      .results(results)
  );

  // Vectors of sums: room is counted from when a step fires, so the queue is never full.
  logic vector_valid, vector_ready, vector_second, vector_finish, unused_vector_in_ready;
  logic [VECTOR-1:0] vector, given;
  assign given = conv ? VECTOR'(sums) : VECTOR'(results);
  dq_fifo #(
      .WIDTH(VECTOR + 2),
      .LOG_DEPTH(LOG_VECTORS)
  ) vectors (
      .clk(clk),
      .rst(rst),
      .in_valid(sums_valid || results_valid),
      .in_ready(unused_vector_in_ready),
      .in_data({conv ? sums_finish : results_finish, results_second, given}),
      .out_valid(vector_valid),
      .out_ready(vector_ready),
      .out_data({vector_finish, vector_second, vector})
  );
  always_ff @(posedge clk) begin
    if (rst) vector_room <= {1'b1, {LOG_VECTORS{1'b0}}};
    else if ((fire && emits) != vector_ready) vector_room <= vector_ready ? vector_room + 1'b1 : vector_room - 1'b1;
  end

  logic beat_valid, beat_ready, beat_last, beat_finish;
  logic [LANES*8-1:0] beat;
  dq_requantise #(
      .ICP(ICP),
      .OCP(OCP),
      .LANES(LANES),
      .ACCUMULATOR(ACCUMULATOR),
      .MULTIPLIER(MULTIPLIER),
      .LOG_ENTRIES(LOG_ENTRIES)
  ) requantise (
      .clk(clk),
      .rst(rst),
      .conv(conv),
      .pair(pair),
      .looked_up(looked_up),
      .done(done),
      .zero(header[271:256]),
      .low(header[303:288]),
      .high(header[319:304]),
      .shift(header[189:184]),
      .bias(header[320+:ACCUMULATOR]),
      .multiplier(header[352+:MULTIPLIER+1]),
      .bias_second(header[384+:ACCUMULATOR]),
      .multiplier_second(header[416+:MULTIPLIER+1]),
      .vector_valid(vector_valid),
      .vector_ready(vector_ready),
      .vector_second(vector_second),
      .vector_finish(vector_finish),
      .vector(vector),
      .row_valid(param_valid),
      .row_ready(param_ready),
      .row(param_word),
      .entry_valid(table_valid),
      .entry_ready(table_ready),
      .entry(table_word),
      .beat_valid(beat_valid),
      .beat_ready(beat_ready),
      .beat_last(beat_last),
      .beat_finish(beat_finish),
      .beat(beat)
  );

  dq_writer #(
      .ICP(ICP),
      .OCP(OCP),
      .LANES(LANES),
      .ADDRESS(ADDRESS)
  ) writer (
      .clk(clk),
      .rst(rst),
      .go(go),
      .conv(conv),
      .out_groups(header[31:16]),
      .base(header[192+:ADDRESS]),
      .plane(header[224+:ADDRESS]),
      .beat_valid(beat_valid),
      .beat_ready(beat_ready),
      .beat_last(beat_last),
      .beat_finish(beat_finish),
      .beat(beat),
      .write_valid(write_valid),
      .write_ready(write_ready),
      .write_address(write_address),
      .write_strobe(write_strobe),
      .write_data(write_data),
      .done(done)
  );
endmodule
