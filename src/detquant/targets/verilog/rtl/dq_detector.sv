// The detector: the engine, and behind it, where HEAD is 1, the head that makes detections of the network's last maps.
//
//   descriptors, weights, parameters, tables -> dq_engine -\
//                                                            >- memory of maps
//   settings of the head                     -> dq_head   -/
//                                                  \-> detections
//
// The head has the memory's port once the program has ended. Its stream, the fifth, is read once an image as the other
// four are, from its first word to its last, and while the program runs: so nobody waits for it.
//
// A word of `found` is a detection, best first; the last word of an image has `found_end` and is no detection:
//
//   15:0 x1, 31:16 y1, 47:32 x2, 63:48 y2   pixels of the network's input, signed, 4 fraction bits
//   79:64                                   class
//   95:80                                   score, 16 fraction bits; 1 is 65535
//   111:96                                  code of the class logit as it lies in memory, signed
//   127:112                                 0
//
// With HEAD 0 nothing of the head is built, its stream is not read, and nothing is found: the maps in memory are the
// result.
module dq_detector #(
    // of the engine
    parameter int ICP = 16,
    parameter int OCP = 16,
    parameter int LANES = 16,
    parameter int WEIGHT = 8,
    parameter int ACCUMULATOR = 32,
    parameter int MULTIPLIER = 24,
    parameter int LOG_ENTRIES = 10,
    parameter int ADDRESS = 20,
    parameter int LOG_TILES = 9,
    parameter int SEGMENTS = 8,
    parameter int LOG_FLIGHT = 5,
    // of the head; those below HEAD are of no use where it is not built
    /* verilator lint_off UNUSEDPARAM */
    parameter int HEAD = 0,            // 1: it is built
    parameter int HEAD_LEVELS = 3,     // most levels
    parameter int HEAD_BINS = 16,      // bins of a distance
    parameter int HEAD_PLACES = 1024,  // most candidates
    parameter int HEAD_KEPT = 300,     // most detections
    parameter int HEAD_SIZE = 7,       // bits of the number of a row or a column
    parameter int HEAD_CLASS = 7       // bits of the number of a class
    /* verilator lint_on UNUSEDPARAM */
) (
    input  logic                                        clk,
    input  logic                                        rst,
    input  logic                                        start,
    output logic                                        busy,
    output logic                                        finished,     // one cycle, at the end of all
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
    input  logic                                        head_valid,
    output logic                                        head_ready,
    input  logic [                                31:0] head_word,
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
    output logic [                           ICP*8-1:0] write_data,
    // detections
    output logic                                        found_valid,
    input  logic                                        found_ready,
    output logic                                        found_end,
    output logic [                               127:0] found_word,
    output logic [                                31:0] found_left_out  // candidates without a place; beside found_end
);
  logic program_busy, program_end;
  logic program_asks, program_granted, program_reads;
  logic [ADDRESS-1:0] program_address;
  logic heading;  // the memory's port is the head's

  dq_engine #(
      .ICP(ICP),
      .OCP(OCP),
      .LANES(LANES),
      .WEIGHT(WEIGHT),
      .ACCUMULATOR(ACCUMULATOR),
      .MULTIPLIER(MULTIPLIER),
      .LOG_ENTRIES(LOG_ENTRIES),
      .ADDRESS(ADDRESS),
      .LOG_TILES(LOG_TILES),
      .SEGMENTS(SEGMENTS),
      .LOG_FLIGHT(LOG_FLIGHT)
  ) engine (
      .clk(clk),
      .rst(rst),
      .start(start),
      .busy(program_busy),
      .finished(program_end),
      .retired(retired),
      .multiplies(multiplies),
      .desc_valid(desc_valid),
      .desc_ready(desc_ready),
      .desc_word(desc_word),
      .weight_valid(weight_valid),
      .weight_ready(weight_ready),
      .weight_word(weight_word),
      .param_valid(param_valid),
      .param_ready(param_ready),
      .param_word(param_word),
      .table_valid(table_valid),
      .table_ready(table_ready),
      .table_word(table_word),
      .ask_valid(program_asks),
      .ask_ready(program_granted),
      .ask_address(program_address),
      .read_valid(read_valid && !heading),
      .read_ready(program_reads),
      .read_data(read_data),
      .write_valid(write_valid),
      .write_ready(write_ready),
      .write_address(write_address),
      .write_strobe(write_strobe),
      .write_data(write_data)
  );
  assign program_granted = ask_ready && !heading;

  generate
    if (HEAD == 0) begin : no_head
      logic unused;
      assign unused = ^{head_valid, head_word, found_ready};
      assign heading = 1'b0;
      assign busy = program_busy;
      assign finished = program_end;
      assign ask_valid = program_asks;
      assign ask_address = program_address;
      assign read_ready = program_reads;
      assign head_ready = 1'b0;
      assign {found_valid, found_end} = '0;
      assign found_word = '0;
      assign found_left_out = '0;
    end else begin : with_head
      logic head_finished, head_asks, head_reads;
      logic [ADDRESS-1:0] head_address;
      dq_head #(
          .ICP(ICP),
          .ADDRESS(ADDRESS),
          .LOG_FLIGHT(LOG_FLIGHT),
          .LEVELS(HEAD_LEVELS),
          .BINS(HEAD_BINS),
          .PLACES(HEAD_PLACES),
          .KEPT(HEAD_KEPT),
          .SIZE(HEAD_SIZE),
          .CLASS(HEAD_CLASS)
      ) head (
          .clk(clk),
          .rst(rst),
          .start(start),
          .go(program_end),
          .running(heading),
          .finished(head_finished),
          .head_valid(head_valid),
          .head_ready(head_ready),
          .head_word(head_word),
          .ask_valid(head_asks),
          .ask_ready(ask_ready && heading),
          .ask_address(head_address),
          .read_valid(read_valid && heading),
          .read_ready(head_reads),
          .read_data(read_data),
          .found_valid(found_valid),
          .found_ready(found_ready),
          .found_end(found_end),
          .found_word(found_word),
          .found_left_out(found_left_out)
      );
      assign busy = program_busy || program_end || heading || finished;
      assign ask_valid = heading ? head_asks : program_asks;
      assign ask_address = heading ? head_address : program_address;
      assign read_ready = heading ? head_reads : program_reads;
      always_ff @(posedge clk) finished <= head_finished && !rst;
    end
  endgenerate
endmodule
