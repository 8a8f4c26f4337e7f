// Holds weights from when their stream brings them until all places have used them.
//
// A tile is the weights of one group of output channels, in the order in which a place uses them; tiles come in the
// order in which they are used. The buffer is a ring: while one tile is used for all places of the map, the words of
// the next ones arrive behind it, as many as there is room for. So every weight is read from outside once an image.
module dq_tiles #(
    parameter int WIDTH = 2048,
    parameter int LOG_DEPTH = 9
) (
    input  logic             clk,
    input  logic             rst,
    input  logic             word_valid,
    output logic             word_ready,
    input  logic [WIDTH-1:0] word,
    output logic             available,  // the word that the next step uses is there
    input  logic             take,       // use it: it is at `weights` in the next cycle
    input  logic             take_last,  // it was the last of its tile: the next place begins anew
    input  logic             take_end,   // no place uses this tile again
    output logic [WIDTH-1:0] weights
);
  logic [WIDTH-1:0] ring[0:(1<<LOG_DEPTH)-1];
  logic [LOG_DEPTH:0] head;   // one bit more than an address, see dq_fifo
  logic [LOG_DEPTH:0] tile;   // start of the tile in use
  logic [LOG_DEPTH:0] next;   // word of the next step
  logic [LOG_DEPTH:0] after;

  assign after = next + 1'b1;
  assign available = next != head;
  assign word_ready = (head ^ tile) != {1'b1, {LOG_DEPTH{1'b0}}};

  always_ff @(posedge clk) begin
    if (word_valid && word_ready) ring[head[LOG_DEPTH-1:0]] <= word;
    if (take) weights <= ring[next[LOG_DEPTH-1:0]];
    if (rst) begin
      head <= '0;
      tile <= '0;
      next <= '0;
    end else begin
      if (word_valid && word_ready) head <= head + 1'b1;
      if (take) next <= take_last && !take_end ? tile : after;
      if (take && take_end) tile <= after;
    end
  end
endmodule
