// Suppression: words of end, class and box in; end, order, class and box out.
//
//   +threshold=N  of the overlap
//   +keep=N       boxes to keep
module dq_head_suppression_tb #(
    parameter int PLACES = 16,
    parameter int CLASS = 7,
    parameter int ORDER = 16
);
  localparam int FED = 1 + CLASS + 64, GIVEN = 1 + ORDER + CLASS + 64;

  logic clk = 0, rst = 1;
  always #5 clk = !clk;

  logic fed_valid, fed_ready, given_valid, given_ready, kept_end, enough;
  logic [FED-1:0] fed;
  logic [GIVEN-1:0] given;
  logic [63:0] kept;
  logic [CLASS-1:0] kept_class;
  logic [ORDER-1:0] kept_order;
  int threshold, keep;

  initial begin
    if (!$value$plusargs("threshold=%d", threshold)) threshold = 128;
    if (!$value$plusargs("keep=%d", keep)) keep = PLACES;
    #22 rst = 0;
  end

  assign given = kept_end ? {1'b1, {(GIVEN - 1) {1'b0}}} : {1'b0, kept_order, kept_class, kept};

  dq_head_harness #(
      .FED  (FED),
      .GIVEN(GIVEN)
  ) harness (
      .*
  );

  dq_head_suppression #(
      .PLACES(PLACES),
      .CLASS (CLASS),
      .ORDER (ORDER)
  ) unit (
      .clk(clk),
      .rst(rst),
      .threshold(threshold[8:0]),
      .limit(keep[$clog2(PLACES+1)-1:0]),
      .box_valid(fed_valid),
      .box_ready(fed_ready),
      .box_end(fed[FED-1]),
      .box(fed[63:0]),
      .box_class(fed[64+:CLASS]),
      .kept_valid(given_valid),
      .kept_ready(given_ready),
      .kept_end(kept_end),
      .kept(kept),
      .kept_class(kept_class),
      .kept_order(kept_order),
      .enough(enough)
  );
endmodule
