// Holds what a group of output channels is requantised with: bias, multiplier and shift of each channel.
//
// Two groups have room: one is used while the next one arrives. A row has the parameters of LANES channels.
module dq_parameters #(
    parameter int WIDTH = 62,
    parameter int ROWS = 1,
    parameter int INDEX = 1
) (
    input  logic             clk,
    input  logic             rst,
    input  logic             row_valid,
    output logic             row_ready,
    input  logic [WIDTH-1:0] row,
    output logic             available,  // a group is there
    input  logic [INDEX-1:0] which,
    output logic [WIDTH-1:0] chosen,     // row `which` of it
    input  logic             release_group
);
  logic [WIDTH-1:0] rows[0:2*(1<<INDEX)-1];
  logic filling, using;
  logic [INDEX-1:0] place;

  dq_banks #(
      .COUNT(ROWS),
      .INDEX(INDEX)
  ) banks (
      .clk(clk),
      .rst(rst),
      .word_valid(row_valid),
      .word_ready(row_ready),
      .filling(filling),
      .place(place),
      .available(available),
      .using(using),
      .release_bank(release_group)
  );

  assign chosen = rows[{using, which}];
  always_ff @(posedge clk) begin
    if (row_valid && row_ready) rows[{filling, place}] <= row;
  end
endmodule
