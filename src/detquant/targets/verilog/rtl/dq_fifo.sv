// A queue whose oldest word is visible at its output without being asked for.
//
// The memory is read without a clock, so that it becomes LUT RAM: the queues of the engine are a few dozen words deep.
module dq_fifo #(
    parameter int WIDTH = 8,
    parameter int LOG_DEPTH = 4
) (
    input  logic             clk,
    input  logic             rst,
    input  logic             in_valid,
    output logic             in_ready,
    input  logic [WIDTH-1:0] in_data,
    output logic             out_valid,
    input  logic             out_ready,
    output logic [WIDTH-1:0] out_data
);
  logic [WIDTH-1:0] words[0:(1<<LOG_DEPTH)-1];
  // One bit more than an address: equal pointers are an empty queue, pointers that differ in that bit alone a full one.
  logic [LOG_DEPTH:0] head, tail;

  assign in_ready  = (head ^ tail) != {1'b1, {LOG_DEPTH{1'b0}}};
  assign out_valid = head != tail;
  assign out_data  = words[tail[LOG_DEPTH-1:0]];

  always_ff @(posedge clk) begin
    if (in_valid && in_ready) begin
      words[head[LOG_DEPTH-1:0]] <= in_data;
    end
    if (rst) begin
      head <= '0;
      tail <= '0;
    end else begin
      if (in_valid && in_ready) head <= head + 1'b1;
      if (out_valid && out_ready) tail <= tail + 1'b1;
    end
  end
endmodule
