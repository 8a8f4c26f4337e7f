// Settings and tables of the head, from its stream: read once an image, a word of 32 bits a cycle.
//
//   0             levels 8, free 8, classes 16
//   1             smallest code of a candidate 16, signed; overlap 9
//   2             places for candidates
//   3             detections to keep
//   4 a level     rows 12, columns 12, log2 of the stride 3
//                 first word of its class logits in the memory of maps
//                 first word of its distances
//                 words from one group of channels to the next
//   256 a level   exponentials, of difference 0 first: 16 bits
//   257           scores, of the smallest code first: 16 bits
//
// Fields begin at the lowest bit. Channel c of a map lies in lane c % ICP of group c / ICP. Where there are no levels, as
// for a network without a head, the first four words are all.
module dq_head_settings #(
    parameter int LEVELS = 3,
    parameter int ADDRESS = 20,
    parameter int PLACES = 1024,
    parameter int KEPT = 300,
    parameter int SIZE = 7,
    parameter int CLASS = 7,
    parameter int LOG_LEVELS = LEVELS > 1 ? $clog2(LEVELS) : 1  // not to be set
) (
    input  logic                           clk,
    input  logic                           rst,
    input  logic                           start,  // one cycle: the stream's next word is the first of an image
    output logic                           loaded,
    input  logic                           word_valid,
    output logic                           word_ready,
    // Fields are wider than what the head that is built has room for; the exporter writes none that do not fit.
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic [                   31:0] word,
    /* verilator lint_on UNUSEDSIGNAL */
    // settings
    output logic [           LOG_LEVELS:0] levels,
    output logic [                CLASS:0] classes,
    output logic signed [             8:0] threshold,
    output logic [                    8:0] overlap,
    output logic [   $clog2(PLACES+1)-1:0] capacity,
    output logic [     $clog2(KEPT+1)-1:0] limit,
    output logic [        LEVELS*SIZE-1:0] rows,       // level 0 in the lowest bits, as in all of these
    output logic [        LEVELS*SIZE-1:0] columns,
    output logic [           LEVELS*3-1:0] log_strides,
    output logic [     LEVELS*ADDRESS-1:0] class_bases,
    output logic [     LEVELS*ADDRESS-1:0] side_bases,
    output logic [     LEVELS*ADDRESS-1:0] planes,
    // tables
    output logic                           exponential_write,
    output logic [         LOG_LEVELS+7:0] exponential_address,
    output logic                           score_write,
    output logic [                    8:0] score_address,
    output logic [                   15:0] entry
);
  localparam logic [2:0] IDLE = 3'd0, GENERAL = 3'd1, LEVEL = 3'd2, EXPONENTIALS = 3'd3, SCORES = 3'd4;

  logic [2:0] state;
  logic [LOG_LEVELS-1:0] level;
  logic [8:0] place;  // of the word in what the state reads
  logic taken, level_last;

  assign word_ready = state != IDLE;
  assign taken = word_valid && word_ready;
  assign level_last = {1'b0, level} + 1'b1 == levels;
  assign exponential_write = taken && state == EXPONENTIALS;
  assign exponential_address = {level, place[7:0]};
  assign score_write = taken && state == SCORES;
  assign score_address = place;
  assign entry = word[15:0];

  always_ff @(posedge clk) begin
    if (taken && state == GENERAL) begin
      case (place[1:0])
        2'd0: begin
          levels  <= word[LOG_LEVELS:0];
          classes <= word[16+:CLASS+1];
        end
        2'd1: begin
          threshold <= word[8:0];
          overlap   <= word[24:16];
        end
        2'd2: capacity <= word[$clog2(PLACES+1)-1:0];
        default: limit <= word[$clog2(KEPT+1)-1:0];
      endcase
    end
    if (taken && state == LEVEL) begin
      case (place[1:0])
        2'd0: begin
          rows[SIZE*level+:SIZE] <= word[0+:SIZE];
          columns[SIZE*level+:SIZE] <= word[12+:SIZE];
          log_strides[3*level+:3] <= word[26:24];
        end
        2'd1: class_bases[ADDRESS*level+:ADDRESS] <= word[0+:ADDRESS];
        2'd2: side_bases[ADDRESS*level+:ADDRESS] <= word[0+:ADDRESS];
        default: planes[ADDRESS*level+:ADDRESS] <= word[0+:ADDRESS];
      endcase
    end
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      state  <= IDLE;
      loaded <= 1'b0;
    end else if (start) begin
      state  <= GENERAL;
      loaded <= 1'b0;
      level  <= '0;
      place  <= '0;
    end else if (taken) begin
      place <= place + 1'b1;
      case (state)
        GENERAL:
        if (place[1:0] == 2'd3) begin
          state  <= levels == '0 ? IDLE : LEVEL;
          loaded <= levels == '0;
          place  <= '0;
        end
        LEVEL:
        if (place[1:0] == 2'd3) begin
          place <= '0;
          level <= level_last ? '0 : level + 1'b1;
          if (level_last) state <= EXPONENTIALS;
        end
        EXPONENTIALS:
        if (place == 9'd255) begin
          place <= '0;
          level <= level_last ? '0 : level + 1'b1;
          if (level_last) state <= SCORES;
        end
        default:
        if (place == 9'd256) begin
          state  <= IDLE;
          loaded <= 1'b1;
        end
      endcase
    end
  end
endmodule
