// Distances: tables of LEVELS from entries.mem, then words of level and code in, distances out.
module dq_head_distances_tb #(
    parameter int BINS = 16,
    parameter int LEVELS = 3
);
  localparam int LOG_LEVELS = LEVELS > 1 ? $clog2(LEVELS) : 1;
  localparam int FED = LOG_LEVELS + 8, GIVEN = $clog2(BINS) + 8;

  logic clk = 0, rst = 1;
  always #5 clk = !clk;

  logic fed_valid, fed_ready, given_valid, given_ready, entry_write = 0;
  logic [FED-1:0] fed;
  logic [GIVEN-1:0] given;
  logic [LOG_LEVELS+7:0] entry_address;
  logic [15:0] entry, entries[0:LEVELS*256-1];
  string folder;

  initial begin
    if (!$value$plusargs("vectors=%s", folder)) folder = "vectors";
    $readmemh({folder, "/entries.mem"}, entries);
    for (int k = 0; k < LEVELS * 256; k = k + 1) begin
      @(negedge clk);
      entry_write = 1;
      entry_address = k[LOG_LEVELS+7:0];
      entry = entries[k];
    end
    @(negedge clk);
    entry_write = 0;
    rst = 0;
  end

  dq_head_harness #(
      .FED  (FED),
      .GIVEN(GIVEN)
  ) harness (
      .*
  );

  dq_head_distances #(
      .BINS  (BINS),
      .LEVELS(LEVELS)
  ) unit (
      .clk(clk),
      .rst(rst),
      .entry_write(entry_write),
      .entry_address(entry_address),
      .entry(entry),
      .code_valid(fed_valid),
      .code_ready(fed_ready),
      .code(fed[7:0]),
      .code_level(fed[FED-1:8]),
      .distance_valid(given_valid),
      .distance_ready(given_ready),
      .distance(given)
  );
endmodule
