// Makes rows of whole bytes from beats of the bus: in memory rows lie one behind the other, without gaps (`.bin`).
//
// Bytes are kept in order, the oldest at the low end; a beat is put behind those that are kept, a row is taken from the
// low end, both in the same cycle where need be, so that a row or a beat goes through in each cycle, whichever is larger.
// A byte moves in units of the largest size that divides both: of a beat where a row is a multiple of it, which costs
// registers alone; of a byte where a row has an odd number of bytes, which costs multiplexers of BEAT inputs.
module dq_axi_rows #(
    parameter int BEAT = 8,  // bytes of a beat: a power of two
    parameter int ROW = 4    // bytes of a row
) (
    input  logic              clk,
    input  logic              rst,
    input  logic              beat_valid,
    output logic              beat_ready,
    input  logic [8*BEAT-1:0] beat,
    output logic              row_valid,
    input  logic              row_ready,
    output logic [ 8*ROW-1:0] row
);
  localparam int LOWEST = ROW & -ROW;
  localparam int UNIT = LOWEST < BEAT ? LOWEST : BEAT;  // bytes
  localparam int TAKEN = ROW / UNIT;                    // units of a row
  localparam int GIVEN = BEAT / UNIT;                   // units of a beat
  localparam int KEPT = TAKEN + GIVEN - 1;
  localparam int COUNT = $clog2(KEPT + 1);

  logic [8*UNIT*KEPT-1:0] kept, next;
  logic [COUNT-1:0] count, left;  // units; `left` behind the row that is taken

  assign row_valid = 32'(count) >= TAKEN;
  assign row = kept[8*ROW-1:0];
  assign left = row_valid && row_ready ? count - COUNT'(TAKEN) : count;
  assign beat_ready = 32'(left) < TAKEN;

  always_comb begin
    next = row_valid && row_ready ? kept >> (8 * ROW) : kept;
    for (int k = 0; k < KEPT; k++) begin
      for (int j = 0; j < GIVEN; j++) begin
        if (beat_valid && beat_ready && k == 32'(left) + j) next[8*UNIT*k+:8*UNIT] = beat[8*UNIT*j+:8*UNIT];
      end
    end
  end

  always_ff @(posedge clk) begin
    kept <= next;
    if (rst) count <= '0;
    else count <= beat_valid && beat_ready ? left + COUNT'(GIVEN) : left;
  end
endmodule
