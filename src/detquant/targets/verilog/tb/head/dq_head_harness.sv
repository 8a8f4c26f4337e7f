// Feeds a unit of the head with words of a file and compares what it gives with words of another.
//
//   +vectors=DIR  folder of fed.mem and expected.mem, a hexadecimal word in each line
//   +stall=P      per cent of cycles in which each side, by itself, makes the unit wait (default 0)
//   +seed=N       of these
// Prints the number of words and cycles, and PASS, or FAIL with the first difference.
module dq_head_harness #(
    parameter int FED = 8,
    parameter int GIVEN = 8
) (
    input  logic             clk,
    input  logic             rst,
    output logic             fed_valid,
    input  logic             fed_ready,
    output logic [  FED-1:0] fed,
    input  logic             given_valid,
    output logic             given_ready,
    input  logic [GIVEN-1:0] given
);
  localparam int PATIENCE = 100000;  // cycles without a word
  string folder;
  int stall, seed, fed_file, expected_file, words, cycles, quiet;
  logic [FED-1:0] next;
  logic [GIVEN-1:0] expected;
  logic expects;

  function automatic int opened(input string path);
    opened = $fopen(path, "r");
    if (opened == 0) begin
      $display("FAIL the file %0s cannot be read", path);
      $finish;
    end
  endfunction

  initial begin
    if (!$value$plusargs("vectors=%s", folder)) folder = "vectors";
    if (!$value$plusargs("stall=%d", stall)) stall = 0;
    if (!$value$plusargs("seed=%d", seed)) seed = 1;
    fed_file = opened({folder, "/fed.mem"});
    expected_file = opened({folder, "/expected.mem"});
    expects = $fscanf(expected_file, "%h", expected) == 1;
    {words, cycles, quiet} = '0;
    {fed_valid, given_ready} = '0;
  end

  function automatic logic waits();
    waits = $unsigned($random(seed)) % 100 < stall;
  endfunction

  always @(posedge clk) begin
    if (!rst) begin
      cycles <= cycles + 1;
      quiet <= given_valid && given_ready || fed_valid && fed_ready ? 0 : quiet + 1;
      if (!fed_valid || fed_ready) begin
        fed_valid <= 1'b0;
        fed <= 'x;
        if (!waits()) begin  // within: Icarus would read though it waits
          if ($fscanf(fed_file, "%h", next) == 1) begin
            fed_valid <= 1'b1;
            fed <= next;
          end
        end
      end
      given_ready <= !waits();
      if (given_valid && given_ready) begin
        if (!expects) begin
          $display("FAIL word %0d is given, and none is expected: %h", words, given);
          $finish;
        end else if (given !== expected) begin
          $display("FAIL word %0d: expected %h, got %h", words, expected, given);
          $finish;
        end
        words = words + 1;
        expects = $fscanf(expected_file, "%h", expected) == 1;
      end
      // Some cycles more, for words that nobody expects.
      if (!expects && quiet > 200) begin
        $display("%0d words, %0d cycles", words, cycles - quiet);
        if (words > 0 && !fed_valid) $display("PASS");
        else $display("FAIL not all was taken");
        $finish;
      end
      if (quiet > PATIENCE) begin
        $display("FAIL nothing comes after word %0d", words);
        $finish;
      end
    end
  end
endmodule
