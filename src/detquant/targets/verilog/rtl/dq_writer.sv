// Gathers beats of codes to words of ICP lanes and writes them where the map has them.
//
// A map is groups of ICP channels, address = base + group * plane + y * width + x. A vector of the array has OCP
// channels, which are several groups or a part of one: then only that part of the word is written.
module dq_writer #(
    parameter int ICP = 16,
    parameter int OCP = 16,
    parameter int LANES = 16,
    parameter int ADDRESS = 20
) (
    input  logic               clk,
    input  logic               rst,
    input  logic               go,
    // the descriptor
    input  logic               conv,
    input  logic [       15:0] out_groups,
    input  logic [ADDRESS-1:0] base,
    input  logic [ADDRESS-1:0] plane,
    // codes
    input  logic               beat_valid,
    output logic               beat_ready,
    input  logic               beat_last,
    input  logic               beat_finish,
    input  logic [LANES*8-1:0] beat,
    // memory
    output logic               write_valid,
    input  logic               write_ready,
    output logic [ADDRESS-1:0] write_address,
    output logic [    ICP-1:0] write_strobe,
    output logic [  ICP*8-1:0] write_data,
    output logic               done
);
  localparam int BEATS = ICP / LANES;                    // of a word
  localparam int MANY = OCP >= ICP ? OCP / ICP : 1;      // words of a vector of the array
  localparam int STEP = OCP >= ICP ? 0 : OCP / LANES;    // beats of a word that such a vector fills, if not all
  localparam int INDEX = BEATS > 1 ? $clog2(BEATS) : 1;

  logic [ADDRESS-1:0] group_base, place, here;
  logic [15:0] group;
  logic [INDEX-1:0] part, first_part;  // of the word
  logic [ICP*8-1:0] gathered;
  logic [ICP-1:0] strobes;
  logic finishing;

  logic complete, take, last_part;
  assign last_part = 32'(part) == BEATS - 1;
  assign complete = last_part || beat_last;
  assign beat_ready = !complete || !write_valid || write_ready;
  assign take = beat_valid && beat_ready;

  logic [ICP*8-1:0] word;
  logic [ICP-1:0] strobe;
  always_comb begin
    word = gathered;
    strobe = strobes;
    for (int b = 0; b < BEATS; b++) begin
      if (32'(part) == b) begin
        word[LANES*8*b+:LANES*8] = beat;
        strobe[LANES*b+:LANES] = '1;
      end
    end
  end

  // Where the next group of outputs of the array begins: in this word still, or some planes on.
  logic [INDEX-1:0] next_part;
  logic wraps;
  logic [ADDRESS-1:0] next_base;
  assign next_part = conv ? first_part + INDEX'(STEP) : '0;
  assign wraps = !conv || STEP == 0 || 32'(first_part) + STEP == BEATS;
  assign next_base = !wraps ? group_base : conv ? group_base + ADDRESS'(plane * ADDRESS'(MANY)) : group_base + plane;

  always_ff @(posedge clk) begin
    done <= 1'b0;
    if (write_valid && write_ready) write_valid <= 1'b0;
    if (go) begin
      group_base <= base;
      here <= base;
      place <= '0;
      group <= '0;
      part <= '0;
      first_part <= '0;
      strobes <= '0;
    end else if (take) begin
      gathered <= word;
      strobes <= complete ? '0 : strobe;
      part <= part + 1'b1;
      if (complete) begin
        write_valid <= 1'b1;
        write_address <= here;
        write_strobe <= strobe;
        write_data <= word;
        here <= here + plane;
        part <= '0;
      end
      if (beat_last) begin
        place <= place + 1'b1;
        here  <= group_base + place + 1'b1;
        part  <= first_part;
        if (beat_finish) begin
          place <= '0;
          group <= group + 1'b1;
          group_base <= next_base;
          here <= next_base;
          part <= wraps ? '0 : next_part;
          first_part <= wraps ? '0 : next_part;
          if (group + 16'd1 == out_groups) finishing <= 1'b1;
        end
      end
    end
    if (finishing && write_valid && write_ready) begin
      finishing <= 1'b0;
      done <= 1'b1;
    end
    if (rst) begin
      write_valid <= 1'b0;
      finishing <= 1'b0;
      done <= 1'b0;
    end
  end
endmodule
