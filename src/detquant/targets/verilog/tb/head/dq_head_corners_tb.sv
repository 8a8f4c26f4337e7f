// Corners: words of stride, row, column and four distances in, boxes out.
module dq_head_corners_tb #(
    parameter int PLACE = 11,
    parameter int DISTANCE = 12
);
  localparam int FED = 3 + 2 * PLACE + 4 * DISTANCE;

  logic clk = 0, rst = 1;
  always #5 clk = !clk;
  initial #22 rst = 0;

  logic fed_valid, fed_ready, given_valid, given_ready;
  logic [FED-1:0] fed;
  logic [63:0] given;

  dq_head_harness #(
      .FED  (FED),
      .GIVEN(64)
  ) harness (
      .*
  );

  dq_head_corners #(
      .PLACE(PLACE),
      .DISTANCE(DISTANCE)
  ) unit (
      .clk(clk),
      .rst(rst),
      .sides_valid(fed_valid),
      .sides_ready(fed_ready),
      .sides(fed[4*DISTANCE-1:0]),
      .column(fed[4*DISTANCE+:PLACE]),
      .row(fed[4*DISTANCE+PLACE+:PLACE]),
      .log_stride(fed[FED-1-:3]),
      .box_valid(given_valid),
      .box_ready(given_ready),
      .box(given)
  );
endmodule
