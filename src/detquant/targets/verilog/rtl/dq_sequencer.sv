// Reads descriptors from their stream and starts one instruction after the other.
//
// While an instruction runs, the descriptor of the next one is gathered, so that no time passes between two of them but
// that of the pipeline running empty: an instruction may read what the one before it has written last.
//
// A descriptor has HEADER words and three more for each segment; see ARITHMETIC.md and `descriptors.py`.
module dq_sequencer #(
    parameter int HEADER = 14,
    parameter int SEGMENTS = 8
) (
    input  logic                    clk,
    input  logic                    rst,
    input  logic                    start,     // one cycle: run the program from the stream's next word on
    output logic                    busy,
    output logic                    finished,  // one cycle: the descriptor of the program's end has been met
    input  logic                    word_valid,
    output logic                    word_ready,
    input  logic [            31:0] word,
    output logic                    go,        // one cycle: the descriptor below is a new one
    output logic [HEADER*32-1:0]    header,
    output logic [SEGMENTS*96-1:0]  segments,
    input  logic                    done       // one cycle: the last word of the instruction's result is written
);
  localparam int COUNT = $clog2(HEADER + 3 * 256);

  logic [HEADER*32-1:0] next_header;
  logic [SEGMENTS*96-1:0] next_segments;
  logic [COUNT-1:0] taken;
  logic complete, active, is_end;
  logic [COUNT-1:0] wanted;

  // Words of the descriptor: known once the first of them, which has the number of segments, is there.
  assign wanted = COUNT'(HEADER) + COUNT'({2'b00, next_header[15:8]}) + COUNT'({1'b0, next_header[15:8], 1'b0});
  assign complete = taken >= COUNT'(HEADER) && taken == wanted;
  assign word_ready = busy && !complete;
  assign is_end = next_header[1:0] == 2'd0;

  always_ff @(posedge clk) begin
    go <= 1'b0;
    finished <= 1'b0;
    if (word_valid && word_ready) begin
      if (taken < COUNT'(HEADER)) begin
        next_header[32*taken+:32] <= word;
      end else begin
        next_segments[32*(taken-COUNT'(HEADER))+:32] <= word;
      end
    end
    if (rst) begin
      busy   <= 1'b0;
      active <= 1'b0;
      taken  <= '0;
    end else begin
      if (start) busy <= 1'b1;
      if (word_valid && word_ready) taken <= taken + 1'b1;
      if (done) active <= 1'b0;
      if (busy && complete && !active) begin
        taken <= '0;
        if (is_end) begin
          busy <= 1'b0;
          finished <= 1'b1;
        end else begin
          header <= next_header;
          segments <= next_segments;
          active <= 1'b1;
          go <= 1'b1;
        end
      end
    end
  end
endmodule
