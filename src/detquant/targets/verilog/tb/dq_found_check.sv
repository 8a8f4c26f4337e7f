// Compares detections with the integer model's, as they come: all fields of each, how many there are, and how many
// candidates were left out.
//
//   +vectors=DIR  folder of found.txt and found.mem (default "tb/vectors"); without them none must come
// Prints FAIL with the first difference, and nothing else.
module dq_found_check (
    input  logic         clk,
    input  logic         rst,
    input  logic         start,           // one cycle: an image begins
    input  logic         found_valid,
    input  logic         found_ready,
    input  logic         found_end,
    input  logic [127:0] found_word,
    input  logic [ 31:0] found_left_out,
    output int           detections,      // so far
    output logic         found_expected,  // there are vectors
    output logic         found_ended,
    output logic         found_failed
);
  string vectors;
  int file, read, expected_count, expected_left_out;
  logic [127:0] expected;

  always @(posedge clk) begin
    if (rst) begin
      file = 0;
    end else if (start) begin
      if (!$value$plusargs("vectors=%s", vectors)) vectors = "tb/vectors";
      if (file != 0) $fclose(file);
      {detections, expected_count, expected_left_out} = '0;
      {found_ended, found_failed} = '0;
      file = $fopen({vectors, "/found.txt"}, "r");
      found_expected = file != 0;
      if (found_expected) begin
        read = $fscanf(file, "%d %d", expected_count, expected_left_out);
        $fclose(file);
        file = $fopen({vectors, "/found.mem"}, "r");
        if (read != 2 || file == 0) begin
          $display("FAIL found.txt or found.mem cannot be read");
          $finish;
        end
      end
    end
    if (!rst && found_valid && found_ready && !found_failed) begin
      if (!found_expected || found_ended) begin
        found_failed = 1'b1;
        $display("FAIL detection %0d comes, and none is expected", detections);
      end else if (!found_end) begin
        read = 0;
        if (file != 0) read = $fscanf(file, "%h", expected);
        if (read != 1) begin
          found_failed = 1'b1;
          $display("FAIL detections expected %0d got more", expected_count);
        end else compare();
        detections = detections + 1;
      end else begin
        found_ended  = 1'b1;
        found_failed = detections != expected_count || found_left_out != expected_left_out;
        if (detections != expected_count) begin
          $display("FAIL detections expected %0d got %0d", expected_count, detections);
        end else if (found_failed) begin
          $display("FAIL candidates left out expected %0d got %0d", expected_left_out, found_left_out);
        end
      end
      if (found_failed) $finish;
    end
  end

  task automatic compare;
    for (int field = 0; field < 8; field++) begin
      if (!found_failed && found_word[16*field+:16] !== expected[16*field+:16]) begin
        found_failed = 1'b1;
        $display("FAIL detection %0d field %0s expected %0d got %0d", detections, name_of(field),
                 number_of(field, expected), number_of(field, found_word));
      end
    end
  endtask

  function automatic string name_of(input int field);
    case (field)
      0: name_of = "x1";
      1: name_of = "y1";
      2: name_of = "x2";
      3: name_of = "y2";
      4: name_of = "class";
      5: name_of = "score";
      6: name_of = "code";
      default: name_of = "zero";
    endcase
  endfunction

  // Corners and codes have a sign.
  function automatic int number_of(input int field, input logic [127:0] word);
    logic [15:0] bits;
    bits = word[16*field+:16];
    number_of = field < 4 || field == 6 ? int'($signed(bits)) : int'({16'd0, bits});
  endfunction
endmodule
