// Scores: the table from entries.mem, then codes in, scores out.
module dq_head_scores_tb #(
    parameter int BITS = 8
);
  logic clk = 0, rst = 1;
  always #5 clk = !clk;

  logic fed_valid, fed_ready, given_valid, given_ready, entry_write = 0;
  logic [BITS-1:0] fed;
  logic [15:0] given;
  logic [8:0] entry_address;
  logic [15:0] entry, entries[0:256];
  string folder;

  initial begin
    if (!$value$plusargs("vectors=%s", folder)) folder = "vectors";
    $readmemh({folder, "/entries.mem"}, entries);
    for (int k = 0; k < 257; k = k + 1) begin
      @(negedge clk);
      entry_write = 1;
      entry_address = k[8:0];
      entry = entries[k];
    end
    @(negedge clk);
    entry_write = 0;
    rst = 0;
  end

  dq_head_harness #(
      .FED  (BITS),
      .GIVEN(16)
  ) harness (
      .*
  );

  dq_head_scores #(
      .BITS(BITS)
  ) unit (
      .clk(clk),
      .rst(rst),
      .entry_write(entry_write),
      .entry_address(entry_address),
      .entry(entry),
      .code_valid(fed_valid),
      .code_ready(fed_ready),
      .code(fed),
      .score_valid(given_valid),
      .score_ready(given_ready),
      .score(given)
  );
endmodule
