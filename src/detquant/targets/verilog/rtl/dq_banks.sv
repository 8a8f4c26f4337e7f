// Two banks of a memory in turns: one is used while the other is filled, word by word.
module dq_banks #(
    parameter int COUNT = 1,  // words of a bank
    parameter int INDEX = 1   // bits of a place in it
) (
    input  logic             clk,
    input  logic             rst,
    input  logic             word_valid,
    output logic             word_ready,
    output logic             filling,     // the bank that a word goes to,
    output logic [INDEX-1:0] place,       // and where
    output logic             available,   // a bank is full
    output logic             using,       // that one
    input  logic             release_bank
);
  logic [1:0] full;

  assign word_ready = !full[filling];
  assign available = full[using];

  always_ff @(posedge clk) begin
    if (rst) begin
      full <= '0;
      filling <= 1'b0;
      using <= 1'b0;
      place <= '0;
    end else begin
      if (word_valid && word_ready) begin
        place <= place + 1'b1;
        if (32'(place) == COUNT - 1) begin
          place <= '0;
          full[filling] <= 1'b1;
          filling <= !filling;
        end
      end
      if (release_bank) begin
        full[using] <= 1'b0;
        using <= !using;
      end
    end
  end
endmodule
